"""When a number of labels is named from which custom wins, and when it is not."""

import numpy as np
import pytest

from app.benchmarks.curve.crossing import crossing
from app.benchmarks.curve.uncertainty import Answers, Measured, accuracy_difference
from app.benchmarks.statistics import Interval

NAMES = {"zero-shot": "general zero-shot", "few-shot": "general few-shot", "classical": "TF-IDF", "majority": "majority"}
SIZES = (50, 100, 200)


def measured(value: float, half: float = 0.05) -> Measured:
    draws = value + np.random.default_rng(0).normal(0, half / 2, 500)
    return Measured(np.array([value]), draws, Interval(value, value - half, value + half, 300))


def found(zero_shot: list[float], few_shot: list[float], cases: int = 300):
    differences = {("zero-shot", size): measured(value) for size, value in zip(SIZES, zero_shot, strict=True)}
    differences |= {("few-shot", size): measured(value) for size, value in zip(SIZES, few_shot, strict=True)}
    return crossing("accuracy", "general", SIZES, differences, NAMES, cases)  # type: ignore[arg-type]


def test_custom_wins_from_the_first_size_that_and_after_which_all_intervals_are_above_zero() -> None:
    result = found([0.2, 0.2, 0.3], [0.01, 0.1, 0.2])
    assert (result["state"], result["from_labels"]) == ("custom wins", 100)
    assert "custom wins from about 100 labels on." in result["sentence"]
    assert "+20.0 points [95 % interval +15.0 to +25.0]" in result["sentence"]


def test_both_ways_of_asking_the_general_model_have_to_be_beaten() -> None:
    assert found([0.2, 0.2, 0.2], [0.2, 0.2, 0.04])["from_labels"] is None
    assert found([0.2, 0.2, 0.04], [0.2, 0.2, 0.2])["from_labels"] is None


def test_a_lead_that_a_larger_size_does_not_keep_is_no_crossing() -> None:
    result = found([0.2, 0.01, 0.2], [0.2, 0.2, 0.2])
    assert result["from_labels"] == 200


def test_winning_from_the_smallest_size_says_that_it_is_the_smallest() -> None:
    result = found([0.2, 0.2, 0.2], [0.3, 0.3, 0.3])
    assert "from about 50 labels on, the fewest measured. The curves meet below 50 labels. At" in result["sentence"]


def test_no_clear_difference_and_a_rival_ahead_are_told_apart() -> None:
    unclear, behind = found([0.0, 0.0, 0.02], [0.1, 0.1, 0.1]), found([0.0, 0.0, 0.1], [0.0, 0.0, -0.2])
    assert {unclear["state"], behind["state"]} == {"not within the sizes measured"}
    assert unclear["sentence"].endswith("no clear difference there.")
    assert behind["sentence"].endswith("general few-shot is ahead there.")


def test_few_test_cases_are_not_enough_evidence_however_large_the_difference() -> None:
    result = found([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], cases=49)
    assert (result["state"], result["from_labels"]) == ("not enough evidence", None)
    assert "49 test cases" in result["sentence"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_chance_alone_seldom_names_a_number(seeds: int) -> None:
    """Equal models at three sizes: at most 1 in 40, and the error of the simulation."""
    draws = np.random.default_rng(5)
    times, named = 150, 0
    for _ in range(times):
        difficulty = draws.beta(1.2, 0.8, 120)
        gold = np.zeros(120, dtype=np.int64)

        def arm(difficulty: np.ndarray = difficulty, gold: np.ndarray = gold) -> Answers:
            return Answers(gold, (draws.random((seeds, 120)) > difficulty).astype(np.int64), 2, resamples=50)

        differences = {
            (rival, size): accuracy_difference(arm(), arm()) for size in SIZES for rival in ("zero-shot", "few-shot")
        }
        result = crossing("accuracy", "general", SIZES, differences, NAMES, 120)  # type: ignore[arg-type]
        named += result["from_labels"] is not None
    assert named / times < 0.025 + 2.5 * np.sqrt(0.025 * 0.975 / times)
