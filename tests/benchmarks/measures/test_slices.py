"""Slices: each has its own accuracy, and the luckiest of many is not called a difference."""

import numpy as np

from app.benchmarks.measures.slices import SHOWN, slice_scores


def test_each_value_of_each_column_is_scored_and_compared() -> None:
    region = ["north"] * 60 + ["south"] * 40
    custom, general = [True] * 100, [True] * 60 + [False] * 30 + [True] * 10
    north, south = slice_scores({"region": region}, {"c": custom, "g": general}, pair=("c", "g"))
    assert (north.value, north.n, north.accuracy["g"].estimate) == ("north", 60, 1.0)
    assert (south.value, south.n, south.accuracy["g"].estimate) == ("south", 40, 0.25)
    assert north.pair is not None
    assert south.pair is not None
    assert (north.pair.p_value, south.pair.difference.estimate) == (1.0, 0.75)
    assert south.pair.p_value < 0.001


def test_the_luckiest_of_many_slices_is_no_difference() -> None:
    generator = np.random.default_rng(0)
    a, b = (generator.random(1000) < 0.8).tolist(), (generator.random(1000) < 0.8).tolist()
    found = slice_scores({"day": [str(i % 40) for i in range(1000)]}, {"a": a, "b": b}, pair=("a", "b"))
    assert min(one.pair.p_value for one in found if one.pair) > 0.05


def test_a_column_of_names_is_cut_to_its_most_frequent_values() -> None:
    names = [f"customer {i}" for i in range(200)] + ["Ann"] * 5
    found = slice_scores({"name": names}, {"a": [True] * 205})
    assert len(found) == SHOWN
    assert (found[0].value, found[0].pair) == ("Ann", None)


def test_letters_of_one_claim_are_one_piece_of_evidence() -> None:
    claims = [str(i // 20) for i in range(100)]
    custom, general = [True] * 100, [False] * 20 + [True] * 80
    (alone,) = slice_scores({"all": ["x"] * 100}, {"c": custom, "g": general}, pair=("c", "g"))
    (together,) = slice_scores({"all": ["x"] * 100}, {"c": custom, "g": general}, pair=("c", "g"), clusters=claims)
    assert alone.pair is not None
    assert together.pair is not None
    assert alone.pair.p_value < 0.001 < 0.05 < together.pair.p_value
    assert together.pair.difference.low < 0 < alone.pair.difference.low
