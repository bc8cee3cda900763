"""From a run's stored predictions to what the report needs of each arm."""

from collections import defaultdict
from collections.abc import Sequence

from app.benchmarks import runner
from app.benchmarks.arms import ArmResult
from app.benchmarks.baselines import Baseline
from app.benchmarks.consistency import REWORDINGS
from app.benchmarks.runner import SCORINGS, Arm, Case, Style
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
    best = max(
        sorted(reached, key=lambda style: (style.shots, SCORINGS.index(style.scoring))), key=lambda style: reached[style]
    )
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
    baseline: Baseline | None = None,
) -> ArmResult:
    """`predictions` are this arm's, of every condition; latency counts for the first `timed` test cases, asked one by one.

    A fitted baseline knows its own size and validation accuracy.
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
    answers = [base[case.id] for case in test]
    too_long = sum(one.error is not None for one in answers)
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
        latencies_ms=[one.latency_ms if row < timed else None for row, one in enumerate(answers)],
        reruns=reruns,
        rewordings=rewordings,
        probabilities=[one.probabilities for one in answers],
        tokens=() if baseline else [(one.prompt_tokens or 0) + (one.completion_tokens or 0) for one in answers],
        answer_tokens=() if baseline else [one.completion_tokens or 0 for one in answers],
        cases_per_second=per_second,
        parameters=baseline.parameters if baseline else arm.parameters,
        bytes=baseline.bytes if baseline else arm.bytes,
        notes=[*notes, *([f"{too_long:,} cases were longer than its context and count as wrong."] if too_long else [])],
    )


def per_second(measured: Sequence[tuple[int, float]]) -> float | None:
    """Answers per second over (answers, seconds) of several chunks; None when nothing was measured."""
    answers, seconds = sum(count for count, _ in measured), sum(took for _, took in measured)
    return answers / seconds if answers and seconds else None


_SCORED = {
    "sum": "by their log-likelihood",
    "mean": "by their log-likelihood per token",
    "calibrated": "by their log-likelihood less what they have without a text",
}


def style_note(style: Style, tried: int, validation: int, seed: int) -> str:
    shown = f"{style.shots} examples from the training split, one per label in turn, seed {seed}; " if style.shots else ""
    chosen = f"chosen from {tried} ways by accuracy on {validation:,} validation cases"
    return f"{shown}labels scored {_SCORED[style.scoring]}; {chosen}."


def latency_note(test: int, concurrency: int) -> str:
    timed = runner.timed_alone(test, concurrency)
    together = test - timed or test
    return (
        f"Latency over HTTP, one request at a time after a warm-up, n = {timed:,} cases; cases per second with {concurrency} "
        f"requests in flight, n = {together:,} cases. Baselines run in the worker, without HTTP. Tokens per answer: prompt "
        "and answer together."
    )


def left_out_notes(names: Sequence[str]) -> list[str]:
    return [f"{name} was left out: not one example fits into its context." for name in names]
