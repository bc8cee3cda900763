"""The main metric on the parts of a test, by column of the data, and where custom and general differ beyond chance."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

import numpy as np

from app.benchmarks.arms import ArmResult, part
from app.benchmarks.measures.slices import parts
from app.benchmarks.resampling import Resampled, resampled, weighted_mean
from app.benchmarks.scored.scales import Scale
from app.benchmarks.statistics import holm
from app.benchmarks.verdict.differences import Difference, MetricName, score_difference


def scored_slices(
    arms: Sequence[ArmResult], scale: Scale, pair: tuple[str, str] | None, *, resamples: int = 2000, seed: int = 0
) -> list[dict[str, Any]]:
    """Of each slice its cases and the main metric of every arm that did not fail, as plain JSON; `pair` names two of the arms
    to compare on each, with p-values adjusted over all slices (Holm). The arms have the same cases in the same order."""
    answering = {arm.arm: arm for arm in arms if arm.failure is None}
    found: list[dict[str, Any]] = []
    compared: list[Difference] = []
    for column, value, places in parts(arms[0].slices):
        here = {name: part(arm, places) for name, arm in answering.items()}
        drawn = {name: _resampled(arm, scale, resamples, seed) for name, arm in here.items()}
        scores = {name: asdict(one.bca() if scale.main.unit else one.bounded()) for name, one in drawn.items()}
        found.append(
            {"column": column, "value": value, "n": len(places), "metric": scale.main.name, "scores": scores, "pair": None}
        )
        if pair:
            compared.append(score_difference(cast("MetricName", scale.main.name), here[pair[0]], here[pair[1]], seed=seed))
    for one, difference, p in zip(found, compared, holm([one.p_value for one in compared]), strict=False):
        assert pair is not None
        one["pair"] = {"first": pair[0], "second": pair[1], "difference": asdict(difference.difference), "p_value": p}
    return found


def _resampled(arm: ArmResult, scale: Scale, resamples: int, seed: int) -> Resampled:
    values = np.array(arm.scores[scale.main.name], dtype=np.float64)
    sizes = np.array(arm.sizes) if arm.sizes else np.ones(len(values))
    return resampled(weighted_mean, values, sizes, clusters=arm.clusters or None, resamples=resamples, seed=seed)
