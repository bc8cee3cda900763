"""Splits: every row in one, the shares near what was asked, the same for the same seed, and no day or group in two."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.splits import SPLITS, group_split, is_day, parse_days, parse_fractions, random_split, time_split
from app.errors import Unprocessable

FRACTIONS = parse_fractions("0.7,0.1,0.2")
names = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=300)


@given(labels=names, seed=st.integers(0, 9))
def test_random_keeps_each_labels_share_within_a_row(labels: list[str], seed: int) -> None:
    split = random_split(labels, FRACTIONS, seed)
    assert split == random_split(labels, FRACTIONS, seed)
    count = Counter(zip(labels, split, strict=True))
    for label, size in Counter(labels).items():
        assert count[label, "train"] >= 1
        assert abs(count[label, "validation"] - 0.1 * size) <= 1
        assert abs(count[label, "test"] - 0.2 * size) <= 1
    if min(Counter(labels).values()) >= 5:
        sizes = Counter(split)
        assert all(abs(sizes[name] - FRACTIONS[name] * len(labels)) <= 1.5 for name in SPLITS)


def test_another_seed_is_another_random_split() -> None:
    labels = ["a", "b"] * 50
    assert random_split(labels, FRACTIONS, 0) != random_split(labels, FRACTIONS, 1)


def test_labels_of_one_row_are_for_training_and_others_do_not_pay_for_it() -> None:
    split = random_split([*(f"rare {i}" for i in range(50)), *["some"] * 10], FRACTIONS, 0)
    assert set(split[:50]) == {"train"}
    assert abs(Counter(split[50:])["test"] - 2) <= 1


@given(offsets=st.lists(st.integers(0, 40), min_size=3, max_size=300).filter(lambda values: len(set(values)) >= 3))
def test_time_puts_whole_days_in_order_and_leaves_no_split_empty(offsets: list[int]) -> None:
    days = [date(2026, 1, 1) + timedelta(offset) for offset in offsets]
    split = time_split(days, FRACTIONS)
    within = {name: {day for day, where in zip(days, split, strict=True) if where == name} for name in SPLITS}
    assert all(within.values())
    assert max(within["train"]) < min(within["validation"])
    assert max(within["validation"]) < min(within["test"])


def test_time_cuts_at_the_day_nearest_to_the_share() -> None:
    days = [date(2026, 1, 1 + i // 10) for i in range(100)]  # ten days of ten rows
    assert Counter(time_split(days, FRACTIONS)) == {"train": 70, "validation": 10, "test": 20}


@given(groups=names.filter(lambda values: len(set(values)) >= 3), seed=st.integers(0, 9))
def test_groups_stay_whole_and_leave_no_split_empty(groups: list[str], seed: int) -> None:
    split = group_split(groups, FRACTIONS, seed)
    assert split == group_split(groups, FRACTIONS, seed)
    assert len(set(zip(groups, split, strict=True))) == len(set(groups))
    assert set(split) == set(SPLITS)


def test_many_groups_come_near_the_shares() -> None:
    sizes = Counter(group_split([f"group {i % 97}" for i in range(1000)], FRACTIONS, 0))
    assert all(abs(sizes[name] / 1000 - FRACTIONS[name]) < 0.02 for name in SPLITS)


@pytest.mark.parametrize(
    ("values", "days"),
    [
        (["2026-08-31", "2026-09-01"], [date(2026, 8, 31), date(2026, 9, 1)]),
        (["2026-08-31T10:00:00Z", "2026-08-31 23:59"], [date(2026, 8, 31)] * 2),
        (["31.08.2026", "1.9.2026"], [date(2026, 8, 31), date(2026, 9, 1)]),
        (["08/31/2026", "09/01/2026"], [date(2026, 8, 31), date(2026, 9, 1)]),  # the first one tells month from day
        (["01/09/2026", "31/08/2026"], [date(2026, 9, 1), date(2026, 8, 31)]),
        (["2026-08", "2026-09"], [date(2026, 8, 1), date(2026, 9, 1)]),
        (["2025", "2026"], [date(2025, 1, 1), date(2026, 1, 1)]),
        (["20260831"], [date(2026, 8, 31)]),
        (["01/01/2026", "02/02/2026"], [date(2026, 1, 1), date(2026, 2, 2)]),  # both readings agree
    ],
)
def test_dates_as_people_write_them(values: list[str], days: list[date]) -> None:
    assert parse_days(list(enumerate(values)), "day") == days


def test_dates_that_can_be_read_in_two_ways_are_refused() -> None:
    with pytest.raises(Unprocessable, match="month/day/year or day/month/year; write them as 2026-08-31"):
        parse_days([(2, "01/02/2026"), (3, "03/04/2026")], "day")


def test_the_date_that_differs_from_those_before_it_is_named() -> None:
    with pytest.raises(Unprocessable, match=r"Line 4: '31.08.2026' in column 'day'"):
        parse_days([(2, "2026-08-01"), (3, "2026-08-02"), (4, "31.08.2026")], "day")


@pytest.mark.parametrize(
    ("cell", "looks"), [("2026-08-31", True), ("1234", False), ("desk 1", False), ("", False), ("2010", True)]
)
def test_a_number_is_not_taken_for_a_year_long_ago(cell: str, looks: bool) -> None:
    assert is_day(cell) == looks
