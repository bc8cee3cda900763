"""The summary of a run whose cases get scores: the names of a run of labels, with scores in place of accuracy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.measures.fields import field_scores
from app.benchmarks.resampling import resampled, weighted_mean
from app.benchmarks.rows import Clusters, Row, common_row
from app.benchmarks.scored.rival import against_baseline
from app.benchmarks.scored.scales import Metric, Scale
from app.benchmarks.scored.slices import scored_slices
from app.benchmarks.scored.verdict import decide_scored
from app.benchmarks.summary import clusters_of, repeat_notes
from app.benchmarks.verdict import Question
from app.benchmarks.verdict.pairs import chosen, no_choice
from app.errors import InvalidRequest

# Of a run of labels; a rendering that looks for them finds that they were not measured.
_OF_LABELS = ("accuracy", "macro_f1", "weighted_f1", "mcc", "confusion", "ece", "brier", "aurc")


def scored_summary(
    task: str,
    scale: Scale,
    arms: Sequence[ArmResult],
    *,
    latency_note: str,
    margin_points: float = 1.0,
    seed: int = 0,
    resamples: int = 2000,
    fields: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Rows per arm, the verdict and the footnotes, as plain JSON; `metrics` says which scores there are, the main one first.

    fields: of an extraction. `verdict` is None when the run has no general or no custom arm that answered, or several of a
    kind and nothing to choose by. Raises InvalidRequest when the arms did not answer the same cases.
    """
    if not arms:
        raise InvalidRequest("There is nothing to report: the run has no arm.")
    arms = [arms[0], *(aligned(arm, arms[0]) for arm in arms[1:])]
    clusters = clusters_of(arms)
    rows = [_row(arm, scale, fields, clusters, resamples, seed) for arm in arms]
    repeats = {row["reruns"] for row in rows if row["reruns"]}
    answering = [arm for arm in arms if arm.failure is None]
    verdict = None
    blocked = no_choice(answering, "custom") or no_choice(answering, "general")
    if {"general", "custom"} <= {arm.kind for arm in answering} and not blocked:
        verdict = asdict(decide_scored(answering, scale, Question(margin_points=margin_points), seed=seed))
    pair = (verdict["custom"], verdict["general"]) if verdict else None
    summary: dict[str, Any] = {
        "task": task,
        "kind": scale.kind,
        "cases": len(arms[0].cases),
        "labels": [],
        "metrics": [asdict(metric) for metric in scale.metrics],
        "fields": list(fields),
        "reruns": max(repeats, default=None),
        "rewordings": sorted({name for arm in arms for name in arm.rewordings}),
        "rows": rows,
        "by_label": [],
        "slices": scored_slices(arms, scale, pair, resamples=resamples, seed=seed),
        "clusters": len(set(clusters)) if clusters else None,
        "verdict": verdict,
        "resamples": resamples,
        "seed": seed,
    }
    unbeaten = _unbeaten(answering, scale, seed)
    undecided = [f"No verdict. {blocked}"] if blocked else []
    return {**summary, "footnotes": [*_footnotes(summary, scale, latency_note), *unbeaten, *undecided, *notes]}


def _row(arm: ArmResult, scale: Scale, fields: Sequence[str], clusters: Clusters, resamples: int, seed: int) -> Row:
    reasons: dict[str, str] = {}
    row = common_row(arm, clusters, reasons) | dict.fromkeys(_OF_LABELS)
    scores: dict[str, Any] = {}
    for metric in scale.metrics:
        scores[metric.name] = _mean(arm, metric, clusters, resamples, seed)
        if scores[metric.name] is None:
            reasons[metric.name] = "It has no meaning for any of the cases." if arm.failure is None else "The arm failed."
    return {
        **row,
        "scores": scores,
        "fields": _fields(arm, fields),
        "unparsed": sum(answer is None for answer in arm.predicted),
        "reliability": [],
        "risk_coverage": [],
        "per_class": [],
        "reasons": reasons,
    }


def _mean(arm: ArmResult, metric: Metric, clusters: Clusters, resamples: int, seed: int) -> dict[str, Any] | None:
    """Over the cases for which the score has a meaning; of bits per byte, all bits over all bytes."""
    values = arm.scores[metric.name]
    kept = [place for place, value in enumerate(values) if value is not None]
    if not kept or arm.failure:
        return None
    x = np.array([values[place] for place in kept], dtype=np.float64)
    sizes = np.array([arm.sizes[place] for place in kept]) if arm.sizes else np.ones(len(kept))

    inside = None if clusters is None else [clusters[place] for place in kept]
    found = resampled(weighted_mean, x, sizes, clusters=inside, resamples=resamples, seed=seed)
    return asdict(found.bca() if metric.unit else found.bounded())


def _fields(arm: ArmResult, fields: Sequence[str]) -> list[dict[str, Any]]:
    """Of an extraction: each field over all cases."""
    if not arm.records:
        return []
    gold = [json.loads(right) for right, _ in arm.records]
    return [asdict(one) for one in field_scores(gold, [said for _, said in arm.records], fields)]


def _unbeaten(arms: Sequence[ArmResult], scale: Scale, seed: int) -> list[str]:
    """Which models are not shown to be better than the best baseline by the main metric."""
    best = chosen(arms, "baseline")
    models = [arm for arm in arms if arm.kind != "baseline"]
    if best is None or not models:
        return []
    found = {arm.arm: against_baseline(arm, best, scale, seed=seed) for arm in models}
    level = [f"{name} ({one.words})" for name, one in found.items() if one.gain.low <= 0]
    if not level:
        return [f"Every model beats the baseline {best.arm} by {scale.main.title}."]
    return [
        f"Not shown to beat the baseline {best.arm}, which is no language model, by {scale.main.title}: {', '.join(level)}."
    ]


def _footnotes(summary: Mapping[str, Any], scale: Scale, latency_note: str) -> list[str]:
    rows = summary["rows"]
    notes = [
        f"n = {summary['cases']:,} test cases, the same for every arm. Means with their 95 % intervals from "
        f"{summary['resamples']:,} resamples, seed {summary['seed']}.",
        scale.about,
        *repeat_notes(summary),
    ]
    if scale.asked_again:
        notes.append("Same: the same fields, or the same words but for case, articles and punctuation.")
    notes.append(latency_note)
    if empty := [f"{row['arm']} {row['unparsed']:,}" for row in rows if row["unparsed"]]:
        notes.append(
            f"Without a valid answer (an error, nothing said, or no JSON object), worth 0: {', '.join(empty)} of "
            f"{summary['cases']:,}."
        )
    return notes + [f"{row['arm']}: {note}" for row in rows for note in row["notes"]]
