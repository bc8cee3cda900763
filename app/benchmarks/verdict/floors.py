"""Recall floors: labels that an arm must find in at least a given share of their cases, whatever else it is good at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm

from app.benchmarks.arms import ArmResult
from app.benchmarks.statistics import Interval, wilson
from app.errors import InvalidRequest

State = Literal["met", "missed", "unclear"]


@dataclass(frozen=True)
class Floor:
    """One arm and one label. `recall` has the Wilson interval, None when no case of the test has the label."""

    arm: str
    label: str
    floor: float
    recall: Interval | None
    state: State
    cases_needed: int | None  # of this label, in all, to tell at 80 % power; None when told, or when no number would


def judge_floors(arm: ArmResult, floors: Mapping[str, float], labels: Sequence[str]) -> tuple[Floor, ...]:
    """Met: the interval's lower end is at the floor or above. Missed: its upper end is below. Else unclear."""
    if strangers := sorted(set(floors) - set(labels)):
        raise InvalidRequest(
            f"The recall floor names {strangers[0]!r}, which is no label of the task. Labels: {', '.join(labels)}.",
            param=f"recall_floors.{strangers[0]}",
        )
    return tuple(_judge(arm, label, floor) for label, floor in sorted(floors.items()))


def standing(floors: Sequence[Floor]) -> State:
    """Of an arm as a whole: one missed floor is enough, and all must be met."""
    states = {floor.state for floor in floors}
    return "missed" if "missed" in states else "unclear" if "unclear" in states else "met"


def _judge(arm: ArmResult, label: str, floor: float) -> Floor:
    answers = [answer for gold, answer in zip(arm.gold, arm.predicted, strict=True) if gold == label]
    if not answers:
        return Floor(arm.arm, label, floor, None, "unclear", None)
    recall = wilson(sum(answer == label for answer in answers), len(answers))
    state: State = "met" if recall.low >= floor else "missed" if recall.high < floor else "unclear"
    needed = _cases_needed(recall.estimate, floor) if state == "unclear" else None
    return Floor(arm.arm, label, floor, recall, state, None if needed is None else max(needed, len(answers) + 1))


def _cases_needed(recall: float, floor: float, power: float = 0.8) -> int | None:
    """Cases for the two-sided score test of one proportion (Fleiss, Levin & Paik 2003, ch. 2); None when it is at the floor."""
    if recall == floor:
        return None
    spread = norm.ppf(0.975) * math.sqrt(floor * (1 - floor)) + norm.ppf(power) * math.sqrt(recall * (1 - recall))
    return math.ceil(float((spread / (recall - floor)) ** 2))
