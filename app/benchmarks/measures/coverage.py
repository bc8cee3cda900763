"""How right an arm is where it is sure of itself: the risk-coverage curve, and the area under it.

At coverage c the surest share c of the cases is answered, and the risk is the share of these that is wrong (El-Yaniv & Wiener
2010, JMLR 11:1605). The area (AURC; Geifman, Uziel & El-Yaniv 2019, arXiv 1805.08206) is the mean risk over all coverages.
Cases of equal confidence are answered together; the area takes the mean over their orders. A case without a confidence comes
last.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.benchmarks.resampling import Floats, Interval, Measures, totals
from app.benchmarks.statistics import proportion

POINTS = 20  # of the curve that are told
GROUPS = 200


@dataclass(frozen=True)
class Point:
    """`threshold`: the least confidence that is answered; None for cases that have none."""

    coverage: float
    threshold: float | None
    risk: Interval


def coverage_measures(confidence: Floats, correct: NDArray[np.bool_]) -> Measures:
    """`aurc`, 0 to 1, for `resample`; both (cases,), confidence nan where there is none. Of many different confidences those
    next to each other are taken as equals, in GROUPS groups: the area is the same to the third digit."""
    codes, groups = _groups(confidence)
    wrong = (~correct).astype(np.float64)

    def measures(weights: Floats) -> dict[Hashable, Floats]:
        cases, errors = totals(weights, codes, groups), totals(weights, codes, groups, wrong)  # (resamples, groups)
        answered, failed = cases.cumsum(axis=1), errors.cumsum(axis=1)
        # Within a group of equals the risk runs from that before to that behind it: the middle of the group stands for it.
        risk = (failed - errors / 2) / np.maximum(answered - cases / 2, 1e-12)
        return {"aurc": (risk * cases).sum(axis=1) / answered[:, -1]}

    return measures


def risk_coverage(confidence: Floats, correct: NDArray[np.bool_], clusters: Sequence[Hashable] | None = None) -> list[Point]:
    """At most POINTS points, the surest cases first; the last one answers all cases."""
    groups, order = _sorted(confidence)
    n = len(order)
    ends = np.flatnonzero(np.r_[groups[1:] != groups[:-1], True]) + 1
    wanted = np.ceil(np.arange(1, POINTS + 1) / POINTS * n).astype(int)
    found = []
    for end in sorted({int(ends[np.searchsorted(ends, at)]) for at in wanted}):
        answered = order[:end]
        inside = None if clusters is None else [clusters[case] for case in answered.tolist()]
        least = float(confidence[order[end - 1]])
        risk = proportion((~correct[answered]).tolist(), inside)
        found.append(Point(end / n, None if np.isnan(least) else least, risk))
    return found


def _sorted(confidence: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Confidences from the highest down (none at all is -1), and the order of the cases."""
    known = np.where(np.isnan(confidence), -1.0, confidence)
    order = np.argsort(-known, kind="stable")
    return known[order], order


def _groups(confidence: Floats) -> tuple[NDArray[np.int64], int]:
    """Each case's group, the surest first, and how many there are."""
    unsure = np.where(np.isnan(confidence), 1.0, -confidence)
    levels, codes = np.unique(unsure, return_inverse=True)
    if len(levels) > GROUPS:
        edges = np.quantile(unsure, np.arange(1, GROUPS) / GROUPS, method="lower")
        levels, codes = np.unique(np.searchsorted(edges, unsure, side="left"), return_inverse=True)
    return codes.astype(np.int64), len(levels)
