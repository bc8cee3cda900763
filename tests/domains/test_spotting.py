"""Spotting asks for the one label that stands in the text, and nothing but the text tells which."""

from collections import Counter
from itertools import islice

from app.domains.spotting import MOST_SHOTS, spotting

WORDS = [f"{a}{b}" for a in ("red", "big", "old", "new", "wet") for b in ("car", "dog", "hat", "cup", "box", "pen")]


def test_exactly_one_label_is_in_each_text() -> None:
    for example in islice(spotting(WORDS, 0, most_words=9, most_labels=7), 500):
        for text, label in [(example.text, example.label), *example.shots]:
            assert [one for one in example.labels if one in text.split()] == [label]
            assert len(text.split()) <= 9
        assert 2 <= len(example.labels) <= 7
        assert len(example.shots) <= MOST_SHOTS


def test_neither_the_place_in_the_list_nor_that_in_the_text_tells() -> None:
    examples = [one for one in islice(spotting(WORDS, 1), 12_000) if len(one.labels) == 3 and len(one.text.split()) == 3]
    listed = Counter(example.labels.index(example.label) for example in examples)
    written = Counter(example.text.split().index(example.label) for example in examples)
    for counts in (listed, written):
        assert all(count / len(examples) > 0.25 for count in counts.values())
        assert len(counts) == 3


def test_the_same_seed_gives_the_same_examples() -> None:
    assert [*islice(spotting(WORDS, 2), 20)] == [*islice(spotting(WORDS, 2), 20)]
    assert [*islice(spotting(WORDS, 2), 20)] != [*islice(spotting(WORDS, 3), 20)]
