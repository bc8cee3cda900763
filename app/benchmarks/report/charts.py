"""The pictures of a report that compare arms: intervals, paired difference, quality against cost, latency."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.report.drawing import (
    INK,
    LINE,
    POINT,
    WHISKER,
    WIDTH,
    Figure,
    figure,
    kind_colour,
    kind_shape,
    names,
    values,
    x,
)
from app.benchmarks.report.numbers import interval, points, short
from app.benchmarks.summary import Summary

Row = Mapping[str, Any]


def forest(summary: Summary) -> Figure:
    """Accuracy and macro-F1 of every arm with their intervals."""
    order = [row["arm"] for row in summary["rows"]]
    rows = [
        {
            "arm": row["arm"],
            "kind": row["kind"],
            "metric": title,
            **_bounds(row[metric]),
            "words": f"{row[metric]['estimate']:.3f}",
        }
        for row in summary["rows"]
        for metric, title in (("accuracy", "accuracy"), ("macro_f1", "macro-F1"))
    ]
    y = names("arm", order)
    spec = {
        "data": values(rows),
        "facet": {"column": {"field": "metric", "type": "nominal", "title": None}},
        "spec": {
            "width": WIDTH // 2,
            "height": {"step": LINE},
            "encoding": {"y": y, "color": kind_colour()},
            "layer": [
                {"mark": WHISKER, "encoding": {"x": x("low", None), "x2": {"field": "high"}}},
                {"mark": POINT, "encoding": {"x": x("estimate", None), "shape": kind_shape()}},
                {
                    "mark": {"type": "text", "dy": -11, "color": INK},
                    "encoding": {"x": x("estimate", None), "text": {"field": "words"}, "color": {"value": INK}},
                },
            ],
        },
    }
    alt = "; ".join(
        f"{row['arm']}: accuracy {interval(row['accuracy'])}, macro-F1 {interval(row['macro_f1'])}" for row in summary["rows"]
    )
    return figure("How good is each arm?", "Points with their 95 % intervals; further right is better.", alt, spec)


def difference(summary: Summary) -> Figure | None:
    """Custom minus general on the same cases, with the margin within which one still counts as not worse."""
    verdict = summary["verdict"]
    if verdict is None:
        return None
    compared = [("general", verdict["pair"])] + ([("baseline", verdict["baseline"])] if verdict.get("baseline") else [])
    rows: list[dict[str, Any]] = [
        {"row": f"{name}, against {kind}", "kind": kind, **_bounds(pair[metric], 100)}
        for kind, pair in compared
        for metric, name in (("difference", "accuracy"), ("macro_f1_difference", "macro-F1"))
    ]
    margin = verdict["margin_points"]
    axis = "points (100 = all cases); right of 0: custom better"
    y = names("row", [row["row"] for row in rows])
    spec = {
        "width": WIDTH,
        "height": {"step": LINE},
        "layer": [
            {
                "data": values([{"low": -margin, "high": margin}]),
                "mark": {"type": "rect", "color": INK, "opacity": 0.13},
                "encoding": {"x": x("low", axis), "x2": {"field": "high"}},
            },
            {"data": values([{"low": 0}]), "mark": {"type": "rule", "color": INK}, "encoding": {"x": x("low", axis)}},
            {
                "data": values(rows),
                "mark": WHISKER,
                "encoding": {"x": x("low", axis), "x2": {"field": "high"}, "y": y, "color": kind_colour()},
            },
            {
                "data": values(rows),
                "mark": POINT,
                "encoding": {"x": x("estimate", axis), "y": y, "color": kind_colour(), "shape": kind_shape()},
            },
        ],
    }
    pair = verdict["pair"]
    alt = (
        f"{pair['first']} minus {pair['second']}: accuracy {points(pair['difference'])} points, macro-F1 "
        f"{points(pair['macro_f1_difference'])} points, n = {pair['n']:,}"
    )
    about = (
        f"{verdict['custom']} minus the other arm on the same cases, with 95 % intervals. Grey: within {margin:g} "
        f"{'point' if margin == 1 else 'points'} of each other. An interval that touches the line at 0 may be chance."
    )
    return figure("Custom minus the others", about, alt, spec)


def frontier(summary: Summary) -> Figure | None:
    """Accuracy against what an answer takes."""
    cost = next(
        (one for one in _COSTS if sum(_number(row.get(one[0])) is not None for row in summary["rows"]) >= 2),
        None,
    )
    if cost is None:
        return None
    key, title = cost
    rows = [
        {
            "arm": row["arm"],
            "kind": row["kind"],
            "cost": spent,
            "accuracy": row["accuracy"]["estimate"],
            **_bounds(row["accuracy"]),
        }
        for row in summary["rows"]
        if (spent := _number(row.get(key))) is not None
    ]
    best = pareto([(row["cost"], row["accuracy"]) for row in rows])
    for at, row in enumerate(rows):
        row |= {"best": at in best, "below": _crowded(row, rows)}
    log = min(row["cost"] for row in rows) > 0 and max(row["cost"] for row in rows) > 20 * min(row["cost"] for row in rows)
    across = x("cost", title, scale={"type": "log", "padding": 30} if log else {"zero": False, "padding": 30})
    up = x("accuracy", "accuracy", scale={"zero": False, "padding": 14})
    spec = {
        "width": WIDTH,
        "height": 240,
        "data": values(rows),
        "encoding": {"x": across},
        "layer": [
            {
                "transform": [{"filter": {"field": "best", "equal": True}}],
                "mark": {"type": "line", "interpolate": "step-after", "color": INK, "opacity": 0.45, "strokeDash": [4, 3]},
                "encoding": {"y": up},
            },
            {
                "mark": {**WHISKER, "opacity": 0.6},
                "encoding": {"y": x("low", "accuracy"), "y2": {"field": "high"}, "color": kind_colour()},
            },
            {"mark": {**POINT, "size": 110}, "encoding": {"y": up, "color": kind_colour(), "shape": kind_shape()}},
            *(
                {
                    "transform": [{"filter": {"field": "below", "equal": below}}],
                    "mark": {"type": "text", "dy": 14 if below else -13, "limit": 150},
                    "encoding": {"y": up, "text": {"field": "arm"}},
                }
                for below in (False, True)
            ),
        ],
    }
    alt = "; ".join(f"{row['arm']}: accuracy {row['accuracy']:.3f} at {short(row['cost'])}" for row in rows) + f" ({title})"
    about = "Further up is better, further left is cheaper. The dashed line joins the arms that no other beats in both."
    if key == "latency_p50_ms" and any(row["kind"] == "baseline" for row in rows):
        about += " Baselines answer without HTTP, so they look a little cheaper than they are."
    return figure("Quality against cost", about, alt, spec)


_COSTS = (
    ("cost_per_1000", "money per 1,000 cases"),
    ("latency_p50_ms", "median latency, ms"),
    ("tokens_per_answer", "tokens per answer"),
)


def _crowded(row: Row, rows: Sequence[Row]) -> bool:
    """Another arm is close above it, so that its name has no room there."""
    heights, costs = [one["accuracy"] for one in rows], [one["cost"] for one in rows]
    near, wide = 0.15 * (max(heights) - min(heights)), 0.35 * (max(costs) - min(costs))
    return any(
        0 <= one["accuracy"] - row["accuracy"] < near and abs(one["cost"] - row["cost"]) < wide
        for one in rows
        if one is not row
    )


def pareto(costs_and_gains: Sequence[tuple[float, float]]) -> set[int]:
    """Which of them no other beats: none is as cheap and better, none as good and cheaper."""
    return {
        at
        for at, (cost, gain) in enumerate(costs_and_gains)
        if not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in costs_and_gains)
    }


def latency(summary: Summary) -> Figure | None:
    """From the median to the slowest answers."""
    shown = (("latency_p50_ms", "p50"), ("latency_p95_ms", "p95"), ("latency_p99_ms", "p99"))
    rows = [
        {"arm": row["arm"], "kind": row["kind"], "quantile": name, "ms": row[key]["estimate"]}
        for row in summary["rows"]
        for key, name in shown
        if row.get(key) and row[key]["estimate"] > 0
    ]
    if not rows:
        return None
    order = list(dict.fromkeys(row["arm"] for row in rows))
    across = x("ms", "milliseconds (log scale)", scale={"type": "log", "nice": False, "padding": 12})
    spec = {
        "width": WIDTH,
        "height": {"step": LINE},
        "data": values(rows),
        "encoding": {"y": names("arm", order), "color": kind_colour()},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 2, "opacity": 0.6}, "encoding": {"x": across, "detail": {"field": "arm"}}},
            {
                "mark": {**POINT, "size": 75},
                "encoding": {
                    "x": across,
                    "shape": {
                        "field": "quantile",
                        "type": "nominal",
                        "scale": {"domain": ["p50", "p95", "p99"], "range": ["circle", "diamond", "cross"]},
                        "legend": {"symbolFillColor": INK, "symbolStrokeColor": INK},
                    },
                },
            },
        ],
    }
    alt = "; ".join(f"{row['arm']} {row['quantile']} {short(row['ms'])} ms" for row in rows)
    return figure("How long does an answer take?", "One request at a time; further left is faster.", alt, spec)


def _bounds(measured: Row, factor: float = 1) -> dict[str, float]:
    return {name: factor * measured[name] for name in ("estimate", "low", "high")}


def _number(measured: Any) -> float | None:
    return measured.get("estimate") if isinstance(measured, Mapping) else measured
