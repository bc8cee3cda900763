"""The pictures of a report that take the cases apart: custom against general by label, and by each column of the data."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.report.drawing import (
    COLOURS,
    INK,
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
from app.benchmarks.summary import Summary

Row = Mapping[str, Any]

MOST_LABELS = 24  # that a picture has room for


def labels(summary: Summary) -> Figure | None:
    """Custom against general, label by label."""
    pair = chosen_pair(summary)
    found = [
        (one, [one["correct"][row["arm"]] / one["n"] for row in pair], f"{one['label']} (n = {one['n']:,})")
        for one in summary["by_label"]
        if one["n"]
    ]
    if len(found) < 2:
        return None
    found.sort(key=lambda one: one[1][0] - one[1][-1])
    # The two ends of many: where general leads most, where custom leads most.
    kept = found if len(found) <= MOST_LABELS else found[: MOST_LABELS // 2] + found[-MOST_LABELS // 2 :]
    rows = [
        {"label": name, "arm": row["arm"], "kind": row["kind"], "share": share}
        for _, shares, name in kept
        for row, share in zip(pair, shares, strict=True)
    ]
    return _dumbbells(
        rows,
        [name for _, _, name in kept],
        title="Where is each better? By label",
        about="Share of a label's cases answered right: on top the labels where general leads most."
        + (f" {len(kept)} of {len(found)} labels, those with the largest differences." if len(kept) < len(found) else ""),
    )


def slices(summary: Summary, column: str) -> Figure | None:
    """Custom against general in each part of the cases."""
    pair = chosen_pair(summary)
    found = [one for one in summary["slices"] if one["column"] == column]
    kept = sorted(found, key=lambda one: -one["n"])[:MOST_LABELS]
    rows = [
        {"label": f"{one['value']} (n = {one['n']:,})", "arm": row["arm"], "kind": row["kind"], "share": measured["estimate"]}
        | {"low": measured["low"], "high": measured["high"]}
        for one in kept
        for row in pair
        if (measured := (one.get("accuracy") or {}).get(row["arm"]))
    ]
    if not rows:
        return None
    return _dumbbells(
        rows,
        list(dict.fromkeys(row["label"] for row in rows)),
        title=f"Accuracy by {column}",
        about=f"The same cases by their {column}, with 95 % intervals."
        + (f" The {len(kept)} largest of {len(found)}." if len(kept) < len(found) else ""),
    )


def _dumbbells(rows: Sequence[Row], order: Sequence[str], *, title: str, about: str) -> Figure:
    """Two marks a line, joined; with an interval each, where there is one, a little apart."""
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    apart = {"yOffset": {"field": "arm", "type": "nominal", "scale": {"domain": arms}}} if "low" in rows[0] else {}
    share = x("share", "share answered right", scale={"domain": [0, 1]}, axis={"format": ".0%"})
    kinds = [next(row["kind"] for row in rows if row["arm"] == arm) for arm in arms]
    colour = by_kind(COLOURS, arms, kinds)
    joined: Spec = (
        {"mark": WHISKER, "encoding": {"x": {**share, "field": "low"}, "x2": {"field": "high"}, "color": colour, **apart}}
        if apart
        else {
            "mark": {"type": "line", "strokeWidth": 1.5, "color": INK, "opacity": 0.4},
            "encoding": {"x": share, "detail": {"field": "label"}},
        }
    )
    spec = {
        "width": WIDTH,
        "height": {"step": LINE if apart else 22, "for": "position"},
        "data": values(rows),
        "encoding": {"y": names("label", order)},
        "layer": [
            joined,
            {"mark": POINT, "encoding": {"x": share, "color": colour, "shape": by_kind(SHAPES, arms, kinds), **apart}},
        ],
    }
    alt = "; ".join(f"{row['label']}: {row['arm']} {100 * row['share']:.0f} %" for row in rows)
    return figure(title, about, alt, spec)
