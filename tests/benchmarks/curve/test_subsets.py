"""Subsets are nested over sizes, hold every class as far as they can, and differ between seeds."""

from collections import Counter

import pytest

from app.benchmarks.curve.subsets import HOLD_EVERY, nested_order, subset
from app.benchmarks.runner import Case

COUNTS = {"common": 600, "usual": 300, "rare": 99, "once": 1}
POOL = [
    Case(number, f"text {number}", label)
    for number, label in enumerate(label for label, count in COUNTS.items() for _ in range(count))
]


@pytest.mark.parametrize("seed", range(5))
def test_a_smaller_subset_is_within_every_larger_one_in_both_of_its_parts(seed: int) -> None:
    order = nested_order(POOL, seed)
    smaller = subset(order, 5)
    for size in (6, 7, 50, 51, 100, 500, len(POOL)):
        larger = subset(order, size)
        assert set(smaller.train) <= set(larger.train)
        assert set(smaller.held_out) <= set(larger.held_out)
        assert len(larger.cases) == len(set(larger.cases)) == size
        smaller = larger


@pytest.mark.parametrize("size", [50, 200, 500])
def test_classes_have_their_share_and_a_class_of_one_row_is_in_every_subset(size: int) -> None:
    counts = Counter(case.gold for case in subset(nested_order(POOL, 3), size).cases)
    assert counts["once"] == 1
    for label, count in COUNTS.items():
        assert abs(counts[label] - size * count / len(POOL)) <= 2


def test_a_subset_smaller_than_the_classes_has_one_row_of_each_of_the_most_frequent_and_names_the_others() -> None:
    small = subset(nested_order(POOL, 0), 2)
    assert [case.gold for case in small.cases] == ["common", "usual"]
    assert small.missing([*COUNTS]) == ["rare", "once"]
    assert small.held_out == ()
    assert small.choose_on == small.train  # there is nothing to choose on: said in the report


@pytest.mark.parametrize("size", [5, 20, 50, 500])
def test_one_label_in_five_is_held_out_and_always_of_a_class_that_is_learned(size: int) -> None:
    for seed in range(10):
        found = subset(nested_order(POOL, seed), size)
        assert len(found.held_out) == size // HOLD_EVERY
        assert {case.gold for case in found.held_out} <= {case.gold for case in found.train}


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does() -> None:
    assert nested_order(POOL[::-1], 1) == nested_order(POOL, 1)
    assert nested_order(POOL, 1)[:50] != nested_order(POOL, 2)[:50]
