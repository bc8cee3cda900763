"""Recall floors: met, missed or unclear by the interval, and how they override the rest of the rule."""

from dataclasses import replace

import numpy as np
import pytest

from app.benchmarks.arms import ArmResult
from app.benchmarks.verdict import Question, Verdict, decide
from app.benchmarks.verdict.floors import judge_floors
from app.errors import InvalidRequest
from tests.benchmarks.verdict.made import LABELS, arm


def _with_recall(name: str, kind: str, theft: float, others: float, n: int = 1000) -> ArmResult:
    """`theft` is found in this share of its n/4 cases, the other labels in that share of theirs; the first cases of each."""
    row = np.arange(n) // 4
    return arm(name, kind, np.where(np.arange(n) % 4 == 2, row < theft * n / 4, row < others * n / 4))


def _decided(custom: ArmResult, general: ArmResult, floor: float = 0.8) -> Verdict:
    return decide([custom, general], LABELS, Question(recall_floors={"theft": floor}))


def test_a_floor_is_met_missed_or_unclear_by_the_wilson_interval() -> None:
    states = {}
    for recall in (0.9, 0.8, 0.7):
        (floor,) = judge_floors(_with_recall("x", "custom", recall, 1), {"theft": 0.8}, LABELS)
        states[recall] = (floor.state, floor.recall.n if floor.recall else 0, floor.cases_needed)
    assert states == {0.9: ("met", 250, None), 0.8: ("unclear", 250, None), 0.7: ("missed", 250, None)}
    (close,) = judge_floors(_with_recall("x", "custom", 0.84, 1), {"theft": 0.8}, LABELS)
    # (1.96 * sqrt(.8 * .2) + .8416 * sqrt(.84 * .16))^2 / .04^2
    assert (close.state, close.cases_needed) == ("unclear", 747)


def test_a_label_without_a_case_leaves_its_floor_unclear() -> None:
    gold = ["auto", "fire"]
    one = ArmResult("x", "custom", cases=[0, 1], gold=gold, predicted=gold)
    (floor,) = judge_floors(one, {"theft": 0.8}, LABELS)
    assert (floor.state, floor.recall, floor.cases_needed) == ("unclear", None, None)
    verdict = _decided(one, replace(one, arm="y", kind="general"))
    assert "No test case is theft" in verdict.sentence


def test_a_floor_for_what_is_no_label_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'thft', which is no label of the task"):
        judge_floors(_with_recall("x", "custom", 1, 1), {"thft": 0.8}, LABELS)


def test_an_answer_that_is_none_of_the_labels_is_not_found() -> None:
    found = _with_recall("x", "custom", 1, 1)
    lost = replace(found, predicted=[None if gold == "theft" else gold for gold in found.gold])
    assert judge_floors(lost, {"theft": 0.8}, LABELS)[0].state == "missed"


def test_the_better_model_loses_to_the_one_that_keeps_the_floor() -> None:
    custom, general = _with_recall("claims", "custom", 0.6, 1), _with_recall("general", "general", 0.9, 0.8)
    assert decide([custom, general], LABELS).decision == "custom"
    verdict = _decided(custom, general)
    assert (verdict.decision, verdict.reason) == ("general", "the only one that keeps the recall floors")
    assert "claims finds theft in 60.0 % [53.8 to 65.9] of 250 cases, below the floor of 80 %" in verdict.sentence


def test_the_winner_waits_until_its_floor_is_shown() -> None:
    verdict = _decided(_with_recall("claims", "custom", 0.84, 1), _with_recall("general", "general", 0.84, 0.7))
    assert verdict.decision == "not enough evidence"
    assert "has not yet shown that it keeps the recall floor of theft" in verdict.reason
    assert "about 497 more cases of theft would tell" in verdict.sentence


def test_the_winner_that_misses_its_floor_is_not_replaced_by_one_whose_floor_is_unclear() -> None:
    verdict = _decided(_with_recall("claims", "custom", 0.6, 1), _with_recall("general", "general", 0.8, 0.7))
    assert verdict.decision == "not enough evidence"
    assert "but misses the recall floor of theft" in verdict.reason


def test_neither_is_used_where_both_miss_the_floor() -> None:
    verdict = _decided(_with_recall("claims", "custom", 0.5, 1), _with_recall("general", "general", 0.6, 0.7))
    assert (verdict.decision, verdict.reason) == ("not enough evidence", "neither keeps the recall floors")
    assert verdict.cases_needed is None


def test_a_met_floor_changes_nothing() -> None:
    custom, general = _with_recall("claims", "custom", 0.95, 0.9), _with_recall("general", "general", 0.95, 0.7)
    assert _decided(custom, general).reason == decide([custom, general], LABELS).reason
