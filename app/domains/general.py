"""Generated examples of many small tasks, for a model that is to follow instructions: seeded, endless, of no one domain."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from app.catalog.prompts import DEFAULT_INSTRUCTION
from app.domains import claims_questions, turns
from app.domains.episodes import WORDS, Episode, Kind
from app.domains.hold_out import is_held_out
from app.domains.pools import episode as pool_episode
from app.domains.pools import pools
from app.domains.puzzles import PUZZLES
from app.domains.turns import Turn

__all__ = ["Example", "Turn", "classification", "instructions", "kinds"]

SYMBOLS = (
    tuple("ABCDEFGH"),
    tuple("12345678"),
    tuple("abcdefgh"),
    ("zib", "dax", "wug", "fep", "lom", "tiv", "gorp", "blick"),
    ("class 1", "class 2", "class 3", "class 4", "class 5", "class 6", "class 7", "class 8"),
    ("type A", "type B", "type C", "type D", "type E", "type F", "type G", "type H"),
    tuple(WORDS),
)
# Finding a label in a text is the skill that others build on; claims are what the first benchmark is about; of numbers a small
# model learns little.
SPOTTING = ("mentioned-word", "quoted-word", "not-but", "rule-by-word", "labels-with-list", "topic-word-check")
HARD = ("odd-even", "larger-number", "number-above", "sorted-numbers", "arithmetic-check", "sum-of-two", "how-many-items")
OFTEN, SELDOM = 2.5, 0.5


@dataclass(frozen=True)
class Example:
    """A text to classify: `label` is one of `labels`, which are distinct; `shots` are solved (text, label) pairs of the same
    question. `kind` names what is asked, so that whole kinds can be kept out of training."""

    kind: str
    text: str
    labels: tuple[str, ...]
    label: str
    instruction: str = DEFAULT_INSTRUCTION
    shots: tuple[tuple[str, str], ...] = ()


@cache
def kinds() -> dict[str, Kind]:
    """Every kind by name."""
    found: dict[str, Kind] = PUZZLES | claims_questions.KINDS
    for name, pool in pools().items():
        # What is kept out of training does not come back as somebody else's wrong label.
        others = [other for other in pools().values() if other is not pool and not is_held_out(other.name)]
        found[name] = lambda rng, pool=pool, others=others: pool_episode(pool, others, rng)  # type: ignore[misc]
    return found


def classification(seed: int) -> Iterator[Example]:
    """Endless examples; the same seed gives the same ones everywhere."""
    rng = random.Random(f"classification {seed}")
    names = sorted(kinds())
    often = {*SPOTTING, *claims_questions.KINDS}
    weights = [OFTEN if name in often else SELDOM if name in HARD else 1.0 for name in names]
    while True:
        name = rng.choices(names, weights)[0]
        yield example(name, rng)


def example(kind: str, rng: random.Random) -> Example:
    """One example of `kind`, some with shots, some with labels renamed, defined or written another way."""
    episode = kinds()[kind](rng)
    point = rng.random()
    if not episode.verbatim and len(episode.labels) <= 8:
        if point < 0.14:
            episode = _renamed(episode, rng)
        elif point < 0.28:
            episode = _defined(episode, rng)
    if not episode.verbatim and 0.28 < point < 0.5:
        episode = _restyled(episode, rng)
    shots = _shots(episode, rng)
    known = {text for text, _ in shots}
    text, label = episode.draw()
    for _ in range(8):  # an example must not hold the answer itself
        if text not in known:
            break
        text, label = episode.draw()
    return Example(kind, text, episode.labels, label, episode.instruction, tuple(shots))


def instructions(seed: int) -> Iterator[Turn]:
    """Endless questions with short answers; the same seed gives the same ones everywhere."""
    rng = random.Random(f"instructions {seed}")
    while True:
        yield turns.turn(rng)


def _shots(episode: Episode, rng: random.Random) -> list[tuple[str, str]]:
    """None in three cases of ten; where only examples tell the labels apart, at least one of each label."""
    if not episode.needs_examples:
        count = 0 if rng.random() < 0.3 else rng.randint(1, 12)
        return [episode.draw() for _ in range(count)]
    shots: list[tuple[str, str]] = []
    rounds = rng.randint(1, 3)
    for label in episode.labels * rounds:
        for _ in range(40):
            shot = episode.draw()
            if shot[1] == label:
                shots.append(shot)
                break
    rng.shuffle(shots)
    return shots


def _relabelled(episode: Episode, names: dict[str, str]) -> Episode:
    def draw() -> tuple[str, str]:
        text, label = episode.draw()
        return text, names[label]

    return replace(episode, labels=tuple(names[label] for label in episode.labels), draw=draw)


def _only(episode: Episode, labels: tuple[str, ...]) -> Episode:
    """The episode with texts of these labels alone."""

    def draw() -> tuple[str, str]:
        while True:
            text, label = episode.draw()
            if label in labels:
                return text, label

    return replace(episode, labels=labels, draw=draw)


def _drawn_labels(episode: Episode) -> list[str]:
    """Labels that texts have; others are there to be wrong."""
    return sorted({episode.draw()[1] for _ in range(60)})


def _renamed(episode: Episode, rng: random.Random) -> Episode:
    """Names that say nothing: only the examples do."""
    labels = _drawn_labels(episode)
    labels = rng.sample(labels, min(len(labels), rng.randint(2, 4)))
    names = rng.sample(rng.choice(SYMBOLS), len(labels))
    told = _relabelled(_only(episode, tuple(labels)), dict(zip(labels, names, strict=True)))
    return replace(told, needs_examples=True)


def _defined(episode: Episode, rng: random.Random) -> Episode:
    """Names that say nothing until the instruction tells what they mean; or the usual ones, each with a text of its own."""
    labels = _drawn_labels(episode)
    if rng.random() < 0.7:
        names = rng.sample(rng.choice(SYMBOLS), len(labels))
        shape = rng.choice(("{name} = {label}", "{name}: {label}", "{name} means {label}", "answer {name} for {label}"))
        meaning = dict(zip(labels, names, strict=True))
        told = _relabelled(_only(episode, tuple(labels)), meaning)
        lines = [shape.format(name=name, label=label) for label, name in meaning.items()]
    else:
        told = episode
        shown = {label: text for text, label in (episode.draw() for _ in range(60))}
        lines = [f"{label}: such as {text.rstrip('.')}" for label, text in shown.items()]
    rng.shuffle(lines)
    return replace(told, instruction=f"{episode.instruction}\n{rng.choice((chr(10), '; ')).join(lines)}")


def _restyled(episode: Episode, rng: random.Random) -> Episode:
    """The same labels in capitals, with underscores, with a word around them."""
    styles: tuple[Callable[[str], str], ...] = (
        str.upper,
        str.title,
        str.lower,
        lambda label: label.lower().replace(" ", "_"),
        lambda label: label.lower().replace(" ", "-"),
        lambda label: f"about {label}",
        lambda label: f"{label} (other)" if label == "other" else f"it is {label}",
        str.capitalize,
    )
    style = rng.choice(styles)
    names = {label: style(label) for label in episode.labels}
    return _relabelled(episode, names) if len(set(names.values())) == len(names) else episode
