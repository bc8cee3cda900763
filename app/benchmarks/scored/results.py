"""From a scored run's stored predictions to its arms: scores per case, and decisions in place of labels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.benchmarks import results
from app.benchmarks.arms import ArmResult
from app.benchmarks.runner import Arm, Case, Style
from app.benchmarks.scored.cases import Gold, Scored, scored
from app.benchmarks.scored.scales import Scale
from app.database.tables import Prediction

_COLUMNS = [column.name for column in Prediction.__table__.columns]


def golds(
    cases: Sequence[Case], columns: Mapping[int, Mapping[str, str]], references: Sequence[str], fields: Sequence[str]
) -> dict[int, Gold]:
    """By case id. references: kept columns with further right answers."""
    return {
        case.id: Gold(case, tuple(columns[case.id][name] for name in references) if references else (), tuple(fields))
        for case in cases
    }


def validation_choice(scale: Scale, predictions: Sequence[Prediction], gold: Mapping[int, Gold]) -> tuple[float, Style]:
    """The best mean of the main metric on validation, its sign turned where less is better, and the style that reached it; of
    equals the fewest examples."""
    found: dict[Style, list[float]] = defaultdict(list)
    for one in predictions:
        if one.condition.startswith("validation"):
            score = scored(scale.kind, gold[one.case_id], one).scores[scale.main.name]
            found[Style.of(one.condition)] += [] if score is None else [-score if scale.main.lower else score]
    reached = {style: sum(values) / len(values) if values else -1e9 for style, values in found.items()}
    best = max(sorted(reached, key=lambda style: style.shots), key=lambda style: reached[style])
    return reached[best], best


def comparable(
    scale: Scale, test: Sequence[Case], predictions: Mapping[str, Sequence[Prediction]]
) -> tuple[list[Case], list[str]]:
    """The cases on which all arms that did not fail can be compared, and a sentence on those left out.

    All of them, but of a perplexity: what one arm could not read is left out for every arm, since no number stands for it.
    """
    if scale.kind != "perplexity":
        return [*test], []
    wanted = {case.id for case in test}
    base = [[one for one in own if one.condition == "base" and one.case_id in wanted] for own in predictions.values()]
    unread = {one.case_id for own in base if results.failure(own) is None for one in own if one.bits is None}
    kept = [case for case in test if case.id not in unread]
    note = f"{len(unread):,} texts that one of the arms could not read (longer than its context) are left out for all arms."
    return kept, [note] if unread else []


def arm_result(
    scale: Scale,
    arm: Arm,
    predictions: Sequence[Prediction],
    gold: Sequence[Gold],
    *,
    failure: str | None,
    validated: float | None,
    **measured: Any,
) -> ArmResult:
    """As `results.arm_result`, which takes `measured`, with scores per case. gold: of the cases compared, in their order.

    A decision stands where a label would: what is told of reruns and rewordings is told of decisions.
    """
    by_id = {one.case.id: one for one in gold}
    base: dict[int, Scored] = {}
    decided = []
    for one in predictions:
        if one.case_id not in by_id or one.condition.startswith("validation"):
            continue
        told = scored(scale.kind, by_id[one.case_id], one)
        if one.condition == "base":
            base[one.case_id] = told
        decided.append(_as_label(one, told))
    found = results.arm_result(arm, decided, [one.case for one in gold], validated=validated, **measured)
    cases = [base[one.case.id] for one in gold]
    return replace(
        found,
        scores={metric.name: [case.scores[metric.name] for case in cases] for metric in scale.metrics},
        sizes=[float(len(one.case.text.encode())) for one in gold] if scale.kind == "perplexity" else (),
        records=[(one.case.gold, case.record) for one, case in zip(gold, cases, strict=True)]
        if scale.kind == "extraction"
        else (),
        tokens=() if arm.kind == "baseline" else found.tokens,  # it reads words, or bytes
        answer_tokens=() if arm.kind == "baseline" else found.answer_tokens,
        failure=failure,
        cases_per_second=None if failure else found.cases_per_second,
    )


def base_failure(predictions: Sequence[Prediction], test: Sequence[Case]) -> str | None:
    """Over all test cases, also those that are not compared."""
    wanted = {case.id for case in test}
    return results.failure([one for one in predictions if one.condition == "base" and one.case_id in wanted])


def style_note(style: Style, tried: int, validation: int, choice: str, scale: Scale) -> str:
    """`choice`: how examples are chosen."""
    shown = f"{style.shots} examples from the training split, {choice}" if style.shots else "no examples"
    return f"{shown}; chosen from {tried} ways by {scale.main.title} on {validation:,} validation cases."


def _as_label(one: Prediction, told: Scored) -> Prediction:
    columns = {name: getattr(one, name) for name in _COLUMNS}
    return Prediction(**columns | {"label": told.decision, "gold": told.right})
