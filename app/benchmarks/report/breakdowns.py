"""The pictures of a report that take the cases apart: custom against general by label, and by each column of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.benchmarks.report.drawing import (
    COLOURS,
    LINE,
    POINT,
    SHAPES,
    WHISKER,
    WIDTH,
    Figure,
    Spec,
    by_kind,
    figure,
    names,
    values,
    x,
)
from app.benchmarks.report.grids import chosen_pair
from app.benchmarks.report.scored import metrics_of, slice_metric, slice_scores
from app.benchmarks.statistics import wilson
from app.benchmarks.summary import Summary

Row = Mapping[str, Any]

MOST_PARTS = 24  # that a picture has room for


def labels(summary: Summary) -> Figure | None:
    """Custom against general, label by label."""
    pair = chosen_pair(summary)
    found = [one for one in summary["by_label"] if one["n"]]
    if len(found) < 2:
        return None

    def lead(one: Row) -> float:
        return float(one["correct"][pair[0]["arm"]] - one["correct"][pair[-1]["arm"]]) / float(one["n"])

    found = sorted(found, key=lead)
    # The two ends of many: where general leads most, where custom leads most.
    kept = found if len(found) <= MOST_PARTS else found[: MOST_PARTS // 2] + found[-MOST_PARTS // 2 :]
    about = "Share of a label's cases answered right, with 95 % intervals: on top the labels where general leads most."
    if len(kept) < len(found):
        about += f" {len(kept)} of {len(found)} labels, those with the largest differences."
    rows = [
        _row(one["label"], one["n"], row, asdict(wilson(one["correct"][row["arm"]], one["n"]))) for one in kept for row in pair
    ]
    return _parts(rows, "Where is each better? By label", about)


def slices(summary: Summary, column: str) -> Figure | None:
    """Custom against general in each part of the cases."""
    pair = chosen_pair(summary)
    found = [one for one in summary["slices"] if one["column"] == column]
    kept = sorted(found, key=lambda one: -one["n"])[:MOST_PARTS]
    about = f"The same cases by their {column}, with 95 % intervals."
    if len(kept) < len(found):
        about += f" The {len(kept)} largest of {len(found)}."
    rows = [
        _row(one["value"], one["n"], row, measured)
        for one in kept
        for row in pair
        if (measured := slice_scores(one).get(row["arm"]))
    ]
    title = slice_metric(summary)
    axis = {"title": title, "scale": {"zero": False}} if metrics_of(summary) else _SHARE
    return _parts(rows, f"{title[:1].upper()}{title[1:]} by {column}", about, axis) if rows else None


def _row(part: str, n: int, row: Row, measured: Row) -> dict[str, Any]:
    interval = {name: measured[name] for name in ("estimate", "low", "high")}
    return {"part": f"{part} (n = {n:,})", "arm": row["arm"], "kind": row["kind"], **interval}


_SHARE: Spec = {"title": "share answered right", "scale": {"domain": [0, 1]}, "axis": {"format": ".0%"}}


def _parts(rows: Sequence[Row], title: str, about: str, axis: Spec = _SHARE) -> Figure:
    """One line a part of the cases, its arms a little apart."""
    kinds = {row["arm"]: row["kind"] for row in rows}
    arms = list(kinds)
    spec = {
        "width": WIDTH,
        "height": {"step": LINE, "for": "position"},
        "data": values(rows),
        "encoding": {
            "y": names("part", list(dict.fromkeys(row["part"] for row in rows))),
            "yOffset": {"field": "arm", "type": "nominal", "scale": {"domain": arms}},
            "color": by_kind(COLOURS, arms, [kinds[arm] for arm in arms]),
        },
        "layer": [
            {"mark": WHISKER, "encoding": {"x": x("low", **axis), "x2": {"field": "high"}}},
            {
                "mark": {**POINT, "size": 60},
                "encoding": {"x": x("estimate", **axis), "shape": by_kind(SHAPES, arms, [kinds[arm] for arm in arms])},
            },
        ],
    }
    alt = "; ".join(f"{row['part']}: {row['arm']} {row['estimate']:.3f}" for row in rows)
    return figure(title, about, alt, spec)
