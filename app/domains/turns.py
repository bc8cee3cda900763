"""Generated instructions with short answers: copying, sorting, counting, sums, finding fields, naming members of a group."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from app.domains.episodes import DAYS, MONTHS, NAMES, NUMBERS, PLACES, WORDS, fill
from app.domains.hold_out import is_held_out
from app.domains.pools import pools
from app.domains.puzzles import OPPOSITES, PAIRS


@dataclass(frozen=True)
class Turn:
    """A prompt and the answer to it."""

    prompt: str
    answer: str


def turn(rng: random.Random) -> Turn:
    """One exchange of any kind."""
    return rng.choice(MAKERS)(rng)


def _copy(rng: random.Random) -> Turn:
    text = " ".join(rng.sample(WORDS, rng.randint(1, 6)))
    return Turn(rng.choice(("Repeat: {}", "Copy the text: {}", "Say this again: {}", "Write exactly: {}")).format(text), text)


def _sort(rng: random.Random) -> Turn:
    if rng.random() < 0.5:
        words = rng.sample(WORDS, rng.randint(2, 4))
        return Turn(f"Sort by the alphabet: {', '.join(words)}", ", ".join(sorted(words)))
    numbers = rng.sample(range(1, 60), rng.randint(2, 4))
    return Turn(f"Sort the numbers: {', '.join(map(str, numbers))}", ", ".join(map(str, sorted(numbers))))


def _reverse(rng: random.Random) -> Turn:
    words = rng.sample(WORDS, rng.randint(2, 4))
    return Turn(f"Reverse the order: {' '.join(words)}", " ".join(reversed(words)))


def _count(rng: random.Random) -> Turn:
    count = rng.randint(1, 7)
    asked = rng.choice(("How many words are there: {}", "Count the words: {}"))
    return Turn(asked.format(" ".join(rng.sample(WORDS, count))), str(count))


def _spell(rng: random.Random) -> Turn:
    word = rng.choice(WORDS)
    return Turn(rng.choice(("Spell {}.", "Spell the word {}.")).format(word), "-".join(word))


def _upper(rng: random.Random) -> Turn:
    text = " ".join(rng.sample(WORDS, rng.randint(1, 2)))
    return Turn(f"Write in capitals: {text}", text.upper())


def _add(rng: random.Random) -> Turn:
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    if rng.random() < 0.5:
        return Turn(rng.choice(("What is {a} + {b}?", "Add {a} and {b}.", "{a} + {b} =")).format(a=a, b=b), str(a + b))
    a, b = max(a, b), min(a, b)
    return Turn(rng.choice(("What is {a} - {b}?", "Subtract {b} from {a}.")).format(a=a, b=b), str(a - b))


def _multiply(rng: random.Random) -> Turn:
    a, b = rng.randint(1, 10), rng.randint(1, 10)
    return Turn(rng.choice(("What is {a} times {b}?", "{a} * {b} =")).format(a=a, b=b), str(a * b))


def _number_word(rng: random.Random) -> Turn:
    number = rng.randrange(len(NUMBERS))
    if rng.random() < 0.5:
        return Turn(f"Write the number {number} as a word.", NUMBERS[number])
    return Turn(f"Write {NUMBERS[number]} in digits.", str(number))


def _letter_fields(rng: random.Random) -> tuple[str, dict[str, str]]:
    fields = {
        "name": f"{rng.choice(NAMES)} {rng.choice(('Smith', 'Brown', 'Miller', 'Clark', 'Hall', 'Young', 'King', 'Wright'))}",
        "city": rng.choice(PLACES),
        "date": f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {rng.randint(1990, 2025)}",
        "amount": f"{rng.randint(10, 9999)} euros",
        "item": rng.choice(WORDS),
    }
    frames = (
        "On {date} {name} from {city} paid {amount} for the {item}.",
        "{name} lives in {city}. The {item} cost {amount}. It was bought on {date}.",
        "Dear {name}, your {item} was sent to {city} on {date}. You owe {amount}.",
        "Invoice. Customer: {name}, {city}. Item: {item}. Total: {amount}. Date: {date}.",
        "We met {name} in {city} on {date} and sold the {item} for {amount}.",
    )
    return rng.choice(frames).format(**fields), fields


def _extract(rng: random.Random) -> Turn:
    text, fields = _letter_fields(rng)
    field = rng.choice(sorted(fields))
    asked = rng.choice(
        ("What is the {f}?\n\n{t}", "Find the {f} in the text.\n\n{t}", "{t}\n\nGive the {f}.", "Extract the {f}: {t}")
    )
    return Turn(asked.format(f=field, t=text), fields[field])


def _extract_json(rng: random.Random) -> Turn:
    text, fields = _letter_fields(rng)
    chosen = rng.sample(sorted(fields), rng.randint(1, 3))
    answer = json.dumps({field: fields[field] for field in chosen})
    return Turn(f"Extract as JSON: {', '.join(chosen)}\n\n{text}", answer)


def _pick_word(rng: random.Random) -> Turn:
    words = rng.sample(WORDS, rng.randint(3, 6))
    place, asked = rng.choice(((0, "first"), (-1, "last"), (1, "second")))
    return Turn(f"What is the {asked} word? {' '.join(words)}", words[place])


def _after(rng: random.Random) -> Turn:
    series = rng.choice((DAYS, MONTHS, NUMBERS))
    at = rng.randrange(len(series) - 1)
    if rng.random() < 0.5:
        return Turn(f"What comes after {series[at]}?", series[at + 1])
    return Turn(f"What comes before {series[at + 1]}?", series[at])


def _pair(rng: random.Random) -> Turn:
    table, asked = rng.choice(((PAIRS, "Give a synonym of {}."), (OPPOSITES, "What is the opposite of {}?")))
    a, b = rng.sample(rng.choice(table.split()).split("/"), 2)
    return Turn(asked.format(a), b)


def _member(rng: random.Random) -> Turn:
    """Knowledge of the pools that may be trained on: which group a phrase belongs to, or a phrase of a group."""
    pool = rng.choice([pool for name, pool in pools().items() if not is_held_out(name)])
    label = rng.choice(sorted(pool.phrases))
    phrase = fill(rng.choice(pool.phrases[label]), rng)
    if rng.random() < 0.7:
        asked = rng.choice(("What is this about? {}", "Name the topic: {}", "{}\n\nWhat is it?", "In a word: {}"))
        return Turn(asked.format(phrase), label[0])
    return Turn(rng.choice(("Give an example of {}.", "Something about {}:", "Write about {}.")).format(label[0]), phrase)


def _about(rng: random.Random) -> Turn:
    a, b = rng.sample(NAMES, 2)
    x, y = rng.sample(WORDS, 2)
    who, what = rng.choice(((a, x), (b, y)))
    return Turn(f"{a} has the {x} and {b} has the {y}. What does {who} have?", f"the {what}")


MAKERS: tuple[Callable[[random.Random], Turn], ...] = (
    _copy, _copy, _sort, _reverse, _count, _spell, _upper, _add, _multiply, _number_word, _extract, _extract, _extract,
    _extract_json, _extract_json, _pick_word, _after, _pair, _member, _member, _member, _member, _about, _about,
)  # fmt: skip
