"""From the points of a study to its numbers, as plain JSON: each arm at each size, differences, crossings, and what to know."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.benchmarks.curve.arms import Arm, Kind, Point
from app.benchmarks.curve.cache import Record
from app.benchmarks.curve.crossing import RIVALS, RULE, crossing
from app.benchmarks.curve.run import Curve, by_size
from app.benchmarks.curve.study import Study
from app.benchmarks.curve.uncertainty import (
    Answers,
    Measured,
    accuracy,
    accuracy_difference,
    macro_f1,
    macro_f1_difference,
)
from app.catalog.catalog import ModelVersion

METRICS = {"accuracy": (accuracy, accuracy_difference), "macro_f1": (macro_f1, macro_f1_difference)}
CUT = 0.95  # of the epochs asked for: with fewer a training was ended by its minutes

Summary = dict[str, Any]


def build_summary(curve: Curve, known: Mapping[Point, Record]) -> Summary:
    """`known` holds every point of the curve."""
    study = curve.study
    answers = {
        (arm.kind, size): answers_of(study, by_size(known, arm.kind, size)) for arm in curve.arms for size in study.sizes
    }
    differences: dict[str, dict[tuple[Kind, int], Measured]] = {
        metric: {
            (rival, size): difference(answers["custom", size], answers[rival, size])
            for rivals in RIVALS.values()
            for rival in rivals
            for size in study.sizes
        }
        for metric, (_, difference) in METRICS.items()
    }
    points = [
        {
            "labels": size,
            "missing_labels": study.missing(size),
            "arms": {
                arm.kind: {
                    **{metric: level_json(measure(answers[arm.kind, size])) for metric, (measure, _) in METRICS.items()},
                    "facts": [record.facts for record in by_size(known, arm.kind, size)],
                }
                for arm in curve.arms
            },
            "custom_minus": {
                rival: {metric: difference_json(differences[metric][rival, size]) for metric in METRICS}
                for rivals in RIVALS.values()
                for rival in rivals
            },
        }
        for size in study.sizes
    ]
    names = {arm.kind: arm.name for arm in curve.arms}
    return {
        "dataset": study.dataset,
        "task": study.task,
        "labels": list(study.labels),
        "test_cases": len(study.test),
        "pool": len(study.pool),
        "sizes": list(study.sizes),
        "seeds": study.seeds,
        "method": curve.method,
        "minutes": curve.minutes,
        "base": model_json(curve.base),
        "general": model_json(curve.general),
        "arms": names,
        "points": points,
        "crossings": [
            crossing(metric, against, study.sizes, differences[metric], names, len(study.test))
            for metric in METRICS
            for against in RIVALS
        ],
        "rule": RULE,
        "notes": [*study.notes, *_notes(study, curve.arms, points)],
    }


def answers_of(study: Study, records: Sequence[Record]) -> Answers:
    place = {label: number for number, label in enumerate(study.labels)}
    codes = np.array([record.answers for record in records], dtype=np.int64)
    # Metrics have a number of its own for an answer that is no label.
    codes[codes < 0] = len(place)
    return Answers(np.array([place[case.gold] for case in study.test], dtype=np.int64), codes, len(place))


def level_json(measured: Measured) -> dict[str, Any]:
    return _plain(measured, 0.0)


def difference_json(measured: Measured) -> dict[str, Any]:
    return _plain(measured, -1.0)


def _plain(measured: Measured, lowest: float) -> dict[str, Any]:
    return {
        **vars(measured.interval(lowest)),
        "seeds": len(measured.by_seed),
        "seed_sd": measured.seed_sd,
        "by_seed": [float(value) for value in measured.by_seed],
    }


def model_json(version: ModelVersion) -> dict[str, Any]:
    return {"id": version.id, "digest": version.digest, "parameters": version.card.parameters}


def _notes(study: Study, arms: Sequence[Arm], points: Sequence[Mapping[str, Any]]) -> list[str]:
    """What somebody who reads the numbers has to know of how they came to be."""
    notes = [
        f"{point['labels']:,} labels leave {len(point['missing_labels']):,} of {len(study.labels):,} classes without a row: "
        "no model that learns from them can answer those."
        for point in points
        if point["missing_labels"]
    ]

    def where(kind: Kind, true: Any) -> str:
        """The sizes at which any seed's facts are so."""
        return ", ".join(f"{point['labels']:,}" for point in points if any(map(true, point["arms"][kind]["facts"])))

    if sizes := where("custom", lambda facts: not facts["chosen_on"]):
        notes.append(
            f"At {sizes} labels none could be held out, as each class has one row: weights and regularisation are chosen on "
            "the very labels that they learned from."
        )
    cut = [
        f"{point['labels']:,} labels ({min(shares):.0%} of the epochs)"
        for point in points
        for shares in [[facts["epochs"] / facts["epochs_asked"] for facts in point["arms"]["custom"]["facts"]]]
        if min(shares) < CUT
    ]
    if cut:
        notes.append(f"The minutes ended trainings early at {', '.join(cut)}: with more time they may do better.")
    if sizes := where("custom", lambda facts: facts["rows_left_out"]):
        notes.append(f"At {sizes} labels some rows were longer than the model's context and taught it nothing.")
    if sizes := where("few-shot", lambda facts: not facts["shots"]):
        notes.append(f"At {sizes} labels not one example fitted into the context of the general model: few-shot is zero-shot.")
    return notes
