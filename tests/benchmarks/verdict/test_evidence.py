"""From stored predictions to arms: whole, in the way that validation chose, with the clusters of the dataset."""

from typing import Any

import pytest

from app.benchmarks.runner import Arm, as_config
from app.benchmarks.verdict.evidence import Evidence, evidence
from app.database.tables import Prediction
from app.errors import Conflict

GOLD = ("fire", "theft")
ROWS = [(i, "test" if i < 8 else "validation", f"text {i}", GOLD[i % 2]) for i in range(12)]
CONFIG = {"labels": list(GOLD), "seed": 0, "limit": None, "validation_cases": 100, "concurrency": 1, "cluster": "claim"}
COLUMNS = {i: {"claim": f"claim {i // 2}"} for i in range(8)}


def _answer(arm: str, case: int, condition: str, label: str) -> Prediction:
    empty = dict.fromkeys(("probabilities", "label_mass", "text", "prompt_tokens", "completion_tokens", "latency_ms", "error"))
    return Prediction(arm=arm, case_id=case, condition=condition, gold=GOLD[case % 2], label=label, **empty)


def _found(answers: list[Prediction], **row: Any) -> Evidence:
    arms = [Arm(name="general", kind="general", model="general@1"), Arm(name="claims", kind="custom", model="claims@1")]
    known = {"cases_per_second": 5.0, "validation_accuracy": 0.5, "parameters": 1, "bytes": 2}
    summary = {"rows": [{"arm": "general", **known}, {"arm": "claims", **known, **row}]}
    return evidence(CONFIG | {"arms": as_config(arms)}, summary, ROWS, COLUMNS, answers)


def _all(arm: str) -> list[Prediction]:
    return [_answer(arm, case, "base", GOLD[case % 2]) for case in range(8)]


def test_validation_answers_are_those_of_the_style_that_was_chosen() -> None:
    right = [_answer("general", case, "validation-0-mean", GOLD[case % 2]) for case in range(8, 12)]
    wrong = [_answer("general", case, "validation-0-sum", GOLD[1 - case % 2]) for case in range(8, 12)]
    found = _found([*_all("general"), *_all("claims"), *wrong, *right])
    assert [arm.arm for arm in found.arms] == ["general", "claims"]
    assert set(found.validation) == {"general"}  # claims was not asked there
    assert all(found.validation["general"].correct)
    assert sorted(found.validation["general"].cases) == [8, 9, 10, 11]


def test_cases_that_belong_together_are_known_by_the_column_of_the_dataset() -> None:
    (general, _) = _found([*_all("general"), *_all("claims")]).arms
    assert list(general.clusters) == [f"claim {case // 2}" for case in general.cases]


def test_an_arm_that_failed_is_left_out_and_one_with_gaps_is_refused() -> None:
    assert [arm.arm for arm in _found([*_all("general"), *_all("claims")], failure="Failed: 0 of 8").arms] == ["general"]
    with pytest.raises(Conflict, match="'claims' lacks answers to test cases"):
        _found([*_all("general"), *_all("claims")[:-1]])
