"""From a run's stored predictions to what the report needs of each arm."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from app.benchmarks import runner
from app.benchmarks.arms import ArmResult
from app.benchmarks.asking import GIVEN_UP, TOO_LONG
from app.benchmarks.baselines import Fitted
from app.benchmarks.consistency import REWORDINGS
from app.benchmarks.runner import HOWS, Arm, Case, How, Style
from app.benchmarks.scorers import Label, accuracy
from app.database.tables import Prediction


def validation_choice(predictions: Sequence[Prediction]) -> tuple[float, Style]:
    """The best accuracy on validation and the style that reached it; of equals the fewest examples, then the plainest."""
    asked: dict[str, list[Prediction]] = defaultdict(list)
    for one in predictions:
        if one.condition.startswith("validation"):
            asked[one.condition].append(one)
    reached = {
        Style.of(name): accuracy([one.gold for one in rows], [one.label for one in rows]) for name, rows in asked.items()
    }
    best = max(sorted(reached, key=lambda style: (style.shots, HOWS.index(style.how))), key=lambda style: reached[style])
    return reached[best], best


def arm_result(
    arm: Arm,
    predictions: Sequence[Prediction],
    test: Sequence[Case],
    *,
    timed: int,
    per_second: float | None,
    validated: float | None,
    notes: Sequence[str] = (),
    baseline: Fitted | None = None,
    columns: Mapping[int, Mapping[str, str]] | None = None,
    slices: Sequence[str] = (),
    cluster: str | None = None,
    how: How | None = None,
) -> ArmResult:
    """`predictions` are this arm's, of every condition; latency counts for the first `timed` test cases, asked one by one.
    `how`: the way in which a model was asked.

    A fitted baseline knows its own size and validation accuracy. `columns`: case -> its kept columns, of which `slices` and
    `cluster` name some.
    """
    base = {one.case_id: one for one in predictions if one.condition == "base"}
    reruns: dict[int, list[Label]] = defaultdict(list)
    rewordings: dict[str, dict[int, Label]] = defaultdict(dict)
    for one in predictions:
        kind, _, number = one.condition.partition("-")
        if kind == "rerun":
            reruns[one.case_id].append(one.label)
        elif kind == "reword":
            rewordings[list(REWORDINGS)[int(number) - 1]][one.case_id] = one.label
    answers, beside = [base[case.id] for case in test], columns or {}
    failed = failure(answers)
    return ArmResult(
        arm=arm.name,
        kind=arm.kind,
        cases=[case.id for case in test],
        gold=[one.gold for one in answers],
        predicted=[one.label for one in answers],
        model=arm.model,
        version=arm.version,
        digest=arm.digest,
        validation_accuracy=baseline.validation_accuracy if baseline else validated,
        refitted=arm.refitted,
        latencies_ms=[one.latency_ms if row < timed else None for row, one in enumerate(answers)],
        reruns=reruns,
        rewordings=rewordings,
        probabilities=[one.probabilities for one in answers],
        label_mass=[one.label_mass for one in answers],
        scoring=None if baseline or how == "generate" else how,
        label_tokens=next((one.label_tokens for one in answers if one.label_tokens), {}),
        calibration_temperature=next((t for one in answers if (t := one.calibration_temperature) is not None), None),
        tokens=() if baseline else [(one.prompt_tokens or 0) + (one.completion_tokens or 0) for one in answers],
        answer_tokens=() if baseline else [one.completion_tokens or 0 for one in answers],
        clusters=[beside[case.id][cluster] for case in test] if cluster else (),
        slices={column: [beside[case.id][column] for case in test] for column in slices},
        cases_per_second=None if failed else per_second,
        parameters=baseline.parameters if baseline else arm.parameters,
        bytes=baseline.bytes if baseline else arm.bytes,
        failure=failed,
        notes=[*notes, *_errors(answers), *_errors_again(predictions)],
    )


def failure(answers: Sequence[Prediction]) -> str | None:
    """Why an arm failed: it was given up, or no test case got an answer. That prompts are too long for it is no failure of its
    server, and says what it can do: those cases count as wrong."""
    errors = _failed(answers)
    if any(one.error_code == GIVEN_UP for one in errors) or (errors and all(one.error is not None for one in answers)):
        answered = sum(one.error is None for one in answers)
        return f"Failed: {answered:,} of {len(answers):,} cases were answered. {_first(errors)}"
    return None


def _errors(answers: Sequence[Prediction]) -> list[str]:
    """A sentence on each kind of case without an answer."""
    others = _failed(answers)
    too_long = sum(one.error is not None for one in answers) - len(others)
    notes = []
    if too_long:
        were, count = ("case was", "counts") if too_long == 1 else ("cases were", "count")
        notes.append(f"{too_long:,} {were} longer than its context and {count} as wrong.")
    if others:
        got, count = ("case got", "counts") if len(others) == 1 else ("cases got", "count")
        notes.append(f"{len(others):,} {got} an error in place of an answer and {count} as wrong. {_first(others)}")
    return notes


def _errors_again(predictions: Sequence[Prediction]) -> list[str]:
    """Reruns and rewordings without an answer, which agree with nothing."""
    again = _failed([one for one in predictions if one.condition.startswith(("rerun", "reword"))])
    if not again:
        return []
    got, count = ("rerun or rewording", "counts") if len(again) == 1 else ("reruns and rewordings", "count")
    return [f"{len(again):,} {got} got an error in place of an answer and {count} as no decision. {_first(again)}"]


def _failed(answers: Sequence[Prediction]) -> list[Prediction]:
    """Those without an answer but the too long ones, which alone had errors before errors had codes."""
    return [one for one in answers if one.error is not None and one.error_code not in (None, TOO_LONG)]


def _first(errors: Sequence[Prediction]) -> str:
    """The first error's own words; of cases that were not asked, what had come before."""
    first = next((one for one in errors if one.error_code != GIVEN_UP), errors[0])
    return f"The first: {first.error}"


def per_second(measured: Sequence[tuple[int, float]]) -> float | None:
    """Answers per second over (answers, seconds) of several chunks; None when nothing was measured."""
    answers, seconds = sum(count for count, _ in measured), sum(took for _, took in measured)
    return answers / seconds if answers and seconds else None


_ASKED: dict[How, str] = {
    "sum": "labels scored by their log-likelihood",
    "mean": "labels scored by their log-likelihood per token",
    "calibrated": "labels scored by their log-likelihood less what they have without a text",
    "generate": "an answer generated at temperature 0 and read as a label, for its engine cannot score labels",
}


def style_note(style: Style, tried: int, validation: int, choice: str) -> str:
    """`choice`: how examples are chosen."""
    shown = f"{style.shots} examples from the training split, {choice}; " if style.shots else ""
    chosen = f"; chosen from {tried} ways by accuracy on {validation:,} validation cases" if tried > 1 else ""
    return f"{shown}{_ASKED[style.how]}{chosen}."


def latency_note(test: int, concurrency: int, texts: int = 1) -> str:
    timed = runner.timed_alone(test, concurrency)
    together = test - timed or test
    several = f" of up to {texts} cases each (one each where answers are generated)" if texts > 1 and timed < test else ""
    return (
        f"Latency over HTTP, one request at a time after a warm-up, n = {timed:,} cases; cases per second with {concurrency} "
        f"requests in flight{several}, n = {together:,} cases. Baselines run in the worker, without HTTP. Tokens per answer: "
        "prompt and answer together."
    )


def left_out_notes(names: Sequence[str]) -> list[str]:
    return [f"{name} was left out: not one example fits into its context." for name in names]
