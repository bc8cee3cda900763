"""What the table is told of cases that got no answer."""

import pytest

from app.benchmarks.asking import GIVEN_UP, TOO_LONG
from app.benchmarks.results import arm_result, style_note
from app.benchmarks.runner import Arm, Case, Style
from app.database.tables import Prediction

ARM = Arm(name="plain", kind="general", model="plain@1", digest="d" * 64)
TEST = [Case(n, f"text {n}", "auto") for n in range(4)]


def rows(*codes: str | None, condition: str = "base") -> list[Prediction]:
    """One per test case: answered where there is no code."""
    return [
        Prediction(
            arm="plain",
            case_id=case.id,
            condition=condition,
            gold=case.gold,
            label=None if code else "auto",
            error=f"It is {code}." if code else None,
            error_code=code,
        )
        for case, code in zip(TEST, codes, strict=True)
    ]


def told(predictions: list[Prediction]) -> tuple[str | None, list[str], float | None]:
    result = arm_result(ARM, predictions, TEST, timed=0, per_second=9.0, validated=None)
    assert list(result.predicted) == [None if one.error else "auto" for one in predictions if one.condition == "base"]
    return result.failure, list(result.notes), result.cases_per_second


def test_some_errors_count_as_wrong_and_are_told_and_the_arm_goes_on() -> None:
    failure, notes, per_second = told(rows("refused", TOO_LONG, None, None))
    assert (failure, per_second) == (None, 9.0)
    assert notes == [
        "1 case was longer than its context and counts as wrong.",
        "1 case got an error in place of an answer and counts as wrong. The first: It is refused.",
    ]


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (("broken",) * 4, "Failed: 0 of 4 cases were answered. The first: It is broken."),
        ((TOO_LONG, TOO_LONG, TOO_LONG, "broken"), "Failed: 0 of 4 cases were answered. The first: It is broken."),
        ((None, None, "unavailable", GIVEN_UP), "Failed: 2 of 4 cases were answered. The first: It is unavailable."),
    ],
)
def test_an_arm_that_was_given_up_or_answered_nothing_is_failed_and_has_no_speed(
    codes: tuple[str | None, ...], said: str
) -> None:
    failure, _, per_second = told(rows(*codes))
    assert (failure, per_second) == (said, None)


def test_prompts_that_are_all_too_long_are_no_failure() -> None:
    failure, notes, _ = told(rows(*(TOO_LONG,) * 4))
    assert failure is None
    assert notes == ["4 cases were longer than its context and count as wrong."]


def test_errors_of_reruns_are_told_although_every_case_was_answered() -> None:
    again = rows(None, "broken", None, None, condition="rerun-1")
    failure, notes, _ = told([*rows(None, None, None, None), *again])
    assert failure is None
    assert notes[0].startswith("1 rerun or rewording got an error in place of an answer and counts as no decision.")


def test_the_way_a_model_was_asked_is_told_in_words() -> None:
    generated = style_note(Style(0, "generate"), 1, 100, 0)
    assert generated == "an answer generated at temperature 0 and read as a label, for its engine cannot score labels."
    assert "chosen from 9 ways by accuracy on 100 validation cases." in style_note(Style(4, "mean"), 9, 100, 0)


def test_an_arm_tells_how_its_labels_were_compared_and_what_they_had_together() -> None:
    answers = rows(None, None, None, None)
    for one in answers:
        one.probabilities, one.label_mass = {"auto": 0.9, "fire": 0.1}, 0.25
    known = {"timed": 0, "per_second": None, "validated": None}
    scored = arm_result(ARM, answers, TEST, how="sum", **known)
    assert (scored.scoring, scored.label_mass) == ("sum", [0.25] * 4)
    assert (scored.label_tokens, scored.calibration_temperature) == ({}, None)  # of a run that did not store them yet
    for one in answers[1:]:
        one.label_tokens, one.calibration_temperature = {"auto": 2, "fire": 3}, 1.0
    scored = arm_result(ARM, answers, TEST, how="sum", **known)
    assert (scored.label_tokens, scored.calibration_temperature) == ({"auto": 2, "fire": 3}, 1.0)
    assert arm_result(ARM, answers, TEST, how="generate", **known).scoring is None
