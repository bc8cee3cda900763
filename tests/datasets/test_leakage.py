"""What splits share is found, word for word and nearly, and told for the rows of each."""

import random

import pytest

from app.datasets.leakage import PLACES, RECALL, bands_for, find_leakage, similarity
from app.datasets.splits import LabelledRow, Split

RNG = random.Random(7)
VOCABULARY = ["".join(RNG.choices("abcdefghijklmnopqrstuvwxyz", k=RNG.randint(3, 9))) for _ in range(3000)]


def story(words: int = 30) -> str:
    return " ".join(RNG.choices(VOCABULARY, k=words))


def rows(**texts: list[str]) -> list[LabelledRow]:
    splits: tuple[Split, ...] = ("train", "validation", "test")
    return [LabelledRow(split, text, "a") for split in splits for text in texts.get(split, [])]


def test_copies_and_near_copies_are_told_apart() -> None:
    same, near = story(), story()
    other = near.upper().replace(" ", ", ") + "!"
    found = find_leakage(rows(train=[same, near, story()], test=[story(), same, other]), 0.8)
    pair = next(pair for pair in found.pairs if (pair.first, pair.second) == ("train", "test"))
    assert pair.exact == {"train": 1, "test": 1}
    assert pair.near == {"train": 1, "test": 1}
    assert (found.exact, found.near, found.complete) == ({0}, {1}, True)
    assert [(example.first, example.second, example.similarity) for example in pair.examples] == [(0, 4, 1.0), (1, 5, 1.0)]


def test_rows_of_validation_that_test_has_are_told_too_and_test_is_never_blamed() -> None:
    same = story()
    found = find_leakage(rows(train=[same, story()], validation=[same], test=[same, story()]), 0.8)
    assert found.exact == {0, 2}
    assert {(pair.first, pair.second): pair.exact for pair in found.pairs} == {
        ("train", "validation"): {"train": 1, "validation": 1},
        ("train", "test"): {"train": 1, "test": 1},
        ("validation", "test"): {"validation": 1, "test": 1},
    }


def test_near_copies_are_those_whose_pieces_are_that_similar() -> None:
    """Against every pair compared one by one."""
    train = [story(12) for _ in range(150)]
    test = []
    for text in train[:100]:
        words = text.split()
        for place in RNG.sample(range(len(words)), RNG.randint(0, 3)):
            words[place] = RNG.choice(VOCABULARY)
        test.append(" ".join(words) + RNG.choice(["", ".", " too"]))
    for threshold in (0.6, 0.8, 0.95):
        found = find_leakage(rows(train=train, test=test), threshold)
        wanted = {place for place, text in enumerate(train) if any(similarity(text, other) >= threshold for other in test)}
        assert found.exact | found.near == wanted
        assert 5 < len(wanted) < 110


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_bands_find_a_pair_at_the_threshold_as_often_as_told(threshold: float) -> None:
    bands, width = bands_for(threshold)
    assert bands * width <= PLACES
    assert 1 - (1 - threshold**width) ** bands >= RECALL


def test_texts_without_letters_and_of_one_letter_are_compared_as_they_are() -> None:
    found = find_leakage(rows(train=["?!", "...", "a", "日本"], test=["?!", "b", "日本。"]), 0.8)
    assert (found.exact, found.near) == ({0}, {3})


def test_where_too_many_are_alike_it_says_so_and_still_ends() -> None:
    """A form that thousands fill in with a number: more pairs than are worth comparing."""
    form = story(40)
    train = [f"{form} {number}" for number in range(1500)]
    found = find_leakage(rows(train=train, test=[f"{form} {number} times" for number in range(1500)]), 0.8)
    assert len(found.near) > 1400  # each needs one pair only


def test_nothing_shared_is_nothing_told() -> None:
    found = find_leakage(rows(train=[story() for _ in range(50)], test=[story() for _ in range(20)]), 0.8)
    assert not found.exact | found.near
    assert all(pair.examples == [] for pair in found.pairs)
