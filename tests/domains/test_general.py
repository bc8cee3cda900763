"""Generated examples are many-sided, solvable, the same for the same seed, and leave whole kinds for the exam."""

import hashlib
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import islice

import pytest

from app.catalog.prompts import DEFAULT_INSTRUCTION
from app.domains import general
from app.domains.general import Example
from app.domains.hold_out import is_held_out
from app.domains.pools import parse, pools

DIGEST = """
import hashlib
from itertools import islice
from app.domains import general
drawn = [*islice(general.classification(5), 400), *islice(general.instructions(5), 400)]
print(hashlib.sha256(repr(drawn).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(islice(general.classification(0), 12_000))


def texts(example: Example) -> list[str]:
    return [example.text, *(text for text, _ in example.shots)]


def test_the_same_seed_gives_the_same_examples_in_another_process() -> None:
    drawn = [*islice(general.classification(5), 400), *islice(general.instructions(5), 400)]
    elsewhere = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == hashlib.sha256(repr(drawn).encode()).hexdigest()
    assert drawn[:50] != list(islice(general.classification(6), 50))


def test_every_label_is_one_of_the_labels_which_are_distinct(examples: list[Example]) -> None:
    for example in examples:
        assert example.label in example.labels
        assert {label for _, label in example.shots} <= set(example.labels)
        assert len(set(example.labels)) == len(example.labels)
        assert all(label == label.strip() and label and ";" not in label for label in example.labels)


def test_an_example_never_holds_its_own_answer_unless_there_are_too_few_texts(examples: list[Example]) -> None:
    copied = sum(example.text in {text for text, _ in example.shots} for example in examples)
    assert copied < 0.005 * len(examples)


def test_there_are_many_kinds_and_some_are_kept_out_of_training(examples: list[Example]) -> None:
    drawn = Counter(example.kind for example in examples)
    assert set(drawn) == set(general.kinds())
    assert len(drawn) >= 100
    assert min(drawn.values()) > 25  # none is rare
    assert sum(is_held_out(kind) for kind in drawn) >= 5


def test_texts_of_kinds_that_are_kept_out_are_not_met_in_training(examples: list[Example]) -> None:
    kinds = defaultdict(set)
    for example in examples:
        for text in texts(example):
            kinds[text].add(example.kind)
    leaks = {text: found for text, found in kinds.items() if len({is_held_out(kind) for kind in found}) > 1}
    assert not leaks


def test_labels_of_kinds_that_are_kept_out_are_no_wrong_labels_elsewhere(examples: list[Example]) -> None:
    hidden = {name for kind, pool in pools().items() if is_held_out(kind) for label in pool.phrases for name in label}
    open_ones = {name for kind, pool in pools().items() if not is_held_out(kind) for label in pool.phrases for name in label}
    trained = {label for example in examples if not is_held_out(example.kind) for label in example.labels}
    assert not (hidden - open_ones - set(general.SYMBOLS[-1])) & trained


def test_the_questions_vary_and_the_default_instruction_is_frequent(examples: list[Example]) -> None:
    asked = Counter(example.instruction for example in examples)
    assert 0.2 < asked[DEFAULT_INSTRUCTION] / len(examples) < 0.5
    assert len(asked) > 1000
    sizes = Counter(len(example.labels) for example in examples)
    assert min(sizes) == 2
    assert max(sizes) == 16
    shots = Counter(bool(example.shots) for example in examples)
    assert 0.15 < shots[False] / len(examples) < 0.5


def test_labels_that_only_examples_tell_apart_have_an_example_each() -> None:
    found = [example for example in islice(general.classification(1), 6000) if example.kind == "pattern-by-example"]
    assert found
    for example in found:
        assert {label for _, label in example.shots} == set(example.labels)


def test_the_place_of_the_right_label_says_nothing(examples: list[Example]) -> None:
    places = Counter(example.labels.index(example.label) for example in examples if len(example.labels) == 4)
    total = sum(places.values())
    assert all(0.2 < places[place] / total < 0.3 for place in range(4))


def test_a_pool_is_written_as_text() -> None:
    [pool] = parse("\n# fruit\n? Which fruit? | What is it?\n> {x} | eat {x}\nsour/acid: a lemon;\n  a lime\nsweet: honey\n")
    assert pool.questions == ("Which fruit?", "What is it?")
    assert pool.frames == ("{x}", "eat {x}")
    assert pool.phrases == {("sour", "acid"): ("a lemon", "a lime"), ("sweet",): ("honey",)}


@pytest.mark.parametrize("name", sorted(pools()))
def test_each_pool_has_distinct_names_and_enough_phrases(name: str) -> None:
    pool = pools()[name]
    names = [label for group in pool.phrases for label in group]
    assert len(set(names)) == len(names)
    assert all(len(phrases) >= 3 for phrases in pool.phrases.values())
    assert all("{x}" in frame for frame in pool.frames)
    phrases = [phrase for group in pool.phrases.values() for phrase in group]
    assert len(set(phrases)) == len(phrases)  # no phrase belongs to two labels


def test_insurance_is_a_small_share(examples: list[Example]) -> None:
    kinds = {"insurance-line", "damage-cause", "claim-decision"}
    assert sum(example.kind in kinds for example in examples) / len(examples) < 0.05


def test_instructions_have_short_answers_that_can_be_checked() -> None:
    turns = list(islice(general.instructions(0), 3000))
    assert all(turn.prompt and turn.answer and "{name}" not in turn.prompt + turn.answer for turn in turns)
    sums = [turn for turn in turns if turn.prompt.startswith("Add ")]
    assert sums
    for turn in sums:
        first, second = turn.prompt.removeprefix("Add ").rstrip(".").split(" and ")
        assert int(turn.answer) == int(first) + int(second)
    copies = [turn for turn in turns if turn.prompt.startswith("Repeat: ")]
    assert copies
    assert all(turn.prompt == f"Repeat: {turn.answer}" for turn in copies)
