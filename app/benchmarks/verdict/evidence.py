"""From a finished run's stored predictions to the arms that a verdict compares, on test and on validation."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.benchmarks import results, runner
from app.benchmarks.arms import ArmResult
from app.benchmarks.definition import Task
from app.benchmarks.runner import Arm, Case
from app.benchmarks.scored import results as scored
from app.benchmarks.scored.scales import Scale, scale_of
from app.database.tables import Prediction
from app.errors import Conflict

Rows = Sequence[tuple[int, str, str, str]]  # position, split, text, label


@dataclass(frozen=True)
class Evidence:
    """`validation`: arm -> its answers there, asked in the way that validation chose; only arms that were asked there."""

    labels: tuple[str, ...]
    arms: tuple[ArmResult, ...]
    validation: Mapping[str, ArmResult]
    scale: Scale | None = None  # None: answers are labels


def evidence(
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    rows: Rows,
    columns: Mapping[int, Mapping[str, str]],
    predictions: Sequence[Prediction],
) -> Evidence:
    """config, summary: of a run that succeeded. rows, columns: of its dataset, the latter of the test: case -> kept columns.
    predictions: of all arms, test and validation.

    Raises Conflict when an arm lacks its answer to a test case."""
    if (definition := config.get("task", {}).get("definition")) and (scale := scale_of(definition["kind"])):
        return _scored(config, summary, rows, columns, predictions, scale)
    labels, seed = tuple(config["labels"]), config["seed"]
    test = runner.sample(_cases(rows, "test"), config["limit"], seed)
    validation = runner.sample(_cases(rows, "validation"), config["validation_cases"], seed)
    by_arm: dict[str, list[Prediction]] = defaultdict(list)
    for one in predictions:
        by_arm[one.arm].append(one)
    measured = {row["arm"]: row for row in summary["rows"]}
    found, held_out = [], {}
    for arm in runner.from_config(config):
        # Left out by the run: not one of its examples fitted, or it gave no answers.
        if arm.name not in measured or measured[arm.name].get("failure"):
            continue
        answers = by_arm[arm.name]
        if len([one for one in answers if one.condition == "base"]) < len(test):
            raise Conflict(f"Arm {arm.name!r} lacks answers to test cases of this run; run the benchmark again.")
        timed = runner.timed_alone(len(test), config["concurrency"])
        cluster = config.get("cluster")
        found.append(_measured(arm, answers, test, measured[arm.name], timed, columns=columns, cluster=cluster))
        if (asked := _on_validation(answers, validation)) is not None:
            held_out[arm.name] = _measured(arm, asked, validation, measured[arm.name], 0)
    return Evidence(labels, tuple(found), held_out)


def _scored(
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    rows: Rows,
    columns: Mapping[int, Mapping[str, str]],
    predictions: Sequence[Prediction],
    scale: Scale,
) -> Evidence:
    """Of a run whose cases get scores; there is no cascade, so nothing of validation."""
    task = Task.model_validate(config["task"]["definition"])
    asked = runner.sample(_cases(rows, "test"), config["limit"], config["seed"])
    measured = {row["arm"]: row for row in summary["rows"] if not row["failure"]}
    by_arm = {name: [one for one in predictions if one.arm == name] for name in measured}
    test, _ = scored.comparable(scale, asked, by_arm)
    gold = scored.golds(test, columns, task.references, summary["fields"])
    arms = [
        replace(
            scored.arm_result(
                scale,
                arm,
                by_arm[arm.name],
                [gold[case.id] for case in test],
                failure=None,
                validated=measured[arm.name]["validation_accuracy"],
                timed=runner.timed_alone(len(asked), config["concurrency"]),
                per_second=measured[arm.name]["cases_per_second"],
                columns=columns,
                cluster=config.get("cluster"),
            ),
            parameters=measured[arm.name]["parameters"],
            bytes=measured[arm.name]["bytes"],
        )
        for arm in runner.from_config(config)
        if arm.name in measured
    ]
    return Evidence((), tuple(arms), {}, scale)


def _cases(rows: Rows, split: str) -> list[Case]:
    return [Case(position, text, label) for position, of, text, label in rows if of == split]


def _on_validation(answers: Sequence[Prediction], validation: Sequence[Case]) -> list[Prediction] | None:
    """The answers in the chosen way, as if they were of the test; None where the arm was not asked all of it."""
    if not any(one.condition.startswith("validation") for one in answers):
        return None
    _, style = results.validation_choice(answers)
    asked = {one.case_id: one for one in answers if one.condition == style.condition}
    if any(case.id not in asked for case in validation):
        return None
    return [_as_base(asked[case.id]) for case in validation]


def _as_base(one: Prediction) -> Prediction:
    columns = {column.name: getattr(one, column.name) for column in Prediction.__table__.columns}
    return Prediction(**columns | {"condition": "base"})


def _measured(
    arm: Arm, answers: Sequence[Prediction], cases: Sequence[Case], row: Mapping[str, Any], timed: int, **clustered: Any
) -> ArmResult:
    """With what the summary alone knows: throughput, accuracy on validation, and the size of a baseline."""
    result = results.arm_result(
        arm,
        answers,
        cases,
        timed=timed,
        per_second=row["cases_per_second"],
        validated=row["validation_accuracy"],
        **clustered,
    )
    result = replace(result, parameters=row["parameters"], bytes=row["bytes"])
    return replace(result, tokens=(), answer_tokens=()) if arm.kind == "baseline" else result
