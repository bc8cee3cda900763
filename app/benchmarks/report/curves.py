"""The pictures of how far one arm can be trusted: reliability, risk against coverage, confusion; and the learning curve."""

from collections.abc import Mapping
from typing import Any

from app.benchmarks.report.drawing import (
    COLOURS,
    DASHES,
    INK,
    THEME,
    WIDTH,
    Figure,
    Spec,
    by_kind,
    figure,
    merged,
    names,
    values,
    x,
)
from app.benchmarks.report.grids import shown_arms
from app.benchmarks.report.numbers import interval
from app.benchmarks.summary import Summary

Row = Mapping[str, Any]

SIDE = 260  # of a square plot, pixels
WITH_NUMBERS = 16  # labels up to which a cell has room for its number


def reliability(row: Row) -> Figure | None:
    """Does a stated 80 % mean that 80 in 100 are right?"""
    bins = [
        {
            "confidence": one["confidence"],
            "n": one["n"],
            **{name: one["accuracy"][name] for name in ("estimate", "low", "high")},
        }
        for one in row.get("reliability") or ()
    ]
    if not bins:
        return None
    across = x("confidence", "stated probability", scale={"domain": [0, 1]}, axis={"format": ".0%"})
    up = x("estimate", "share answered right", scale={"domain": [0, 1]}, axis={"format": ".0%"})
    colour = COLOURS[row["kind"]]
    spec = {
        "width": SIDE,
        "height": SIDE,
        "layer": [
            {
                "data": values([{"confidence": 0, "estimate": 0}, {"confidence": 1, "estimate": 1}]),
                "mark": {"type": "line", "color": INK, "opacity": 0.5, "strokeDash": [4, 3]},
                "encoding": {"x": across, "y": up},
            },
            {
                "data": values(bins),
                "mark": {"type": "rule", "strokeWidth": 2, "color": colour},
                "encoding": {"x": across, "y": {**up, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": values(bins),
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": colour},
                "encoding": {"x": across, "y": up},
            },
        ],
    }
    alt = "; ".join(
        f"stated {100 * one['confidence']:.0f} %, right {100 * one['estimate']:.0f} %, n = {one['n']:,}" for one in bins
    )
    about = "On the dashed line a stated probability is the share of right answers; below it the arm is too sure of itself."
    if row.get("ece"):
        about += f" Expected calibration error {interval(row['ece'])}."
    return figure(f"Reliability of {row['arm']}", about, alt, spec)


def risk_coverage(summary: Summary) -> Figure | None:
    """How many answers are wrong if only the surest are taken, and the rest goes to people."""
    rows = [row for row in shown_arms(summary) if row.get("risk_coverage")]
    if not rows:
        return None
    arms, kinds = [row["arm"] for row in rows], [row["kind"] for row in rows]
    data = [
        {"arm": row["arm"], "coverage": one["coverage"], **{name: one["risk"][name] for name in ("estimate", "low", "high")}}
        for row in rows
        for one in row["risk_coverage"]
    ]
    stroke = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2}
    up: Spec = {"title": "share of those answered wrong", "scale": {"zero": True}, "axis": {"format": ".0%"}}
    spec = {
        "width": WIDTH,
        "height": 240,
        "data": values(data),
        "encoding": {
            "x": x("coverage", "share of cases answered, the surest first", scale={"domain": [0, 1]}, axis={"format": ".0%"}),
            "color": {**by_kind(COLOURS, arms, kinds), "legend": stroke},
        },
        "layer": [
            {"mark": {"type": "area", "opacity": 0.13}, "encoding": {"y": x("low", **up), "y2": {"field": "high"}}},
            {
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"y": x("estimate", **up), "strokeDash": {**by_kind(DASHES, arms, kinds), "legend": stroke}},
            },
        ],
    }
    alt = "; ".join(
        f"{row['arm']}: of its surest half {100 * _risk_at(row, 0.5):.1f} % wrong, of all {100 * _risk_at(row, 1):.1f} %"
        for row in rows
    )
    about = (
        "If an arm answers only what it is surest of and people do the rest: how many of its answers are wrong? Bands: 95 %."
    )
    return figure("Risk against coverage", about, alt, spec)


def _risk_at(row: Row, coverage: float) -> float:
    nearest = min(row["risk_coverage"], key=lambda one: abs(one["coverage"] - coverage))
    return float(nearest["risk"]["estimate"])


def confusion(summary: Summary, row: Row) -> Figure | None:
    """What was answered for each right answer; the last column counts answers that were none of the labels."""
    gold, counts = summary["labels"], row.get("confusion")
    if not counts:
        return None
    answers = [*gold, "(invalid)"]
    rows = [
        {"gold": right, "answer": answer, "n": count, "share": count / sum(line), "words": f"{count:,}"}
        for right, line in zip(gold, counts, strict=True)
        for answer, count in zip(answers, line, strict=True)
        if count
    ]
    if not rows:
        return None
    cell = max(5, min(36, SIDE // len(gold) if len(gold) > 8 else 36))
    readable = {"labels": cell >= 10, "labelFontSize": min(12, max(9, cell - 2)), "labelLimit": 110}
    encoding = {
        "x": names("answer", answers, title="answered", axis={**readable, "labelAngle": -50, "orient": "bottom"}),
        "y": names("gold", gold, title="right answer", axis=readable),
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "color": COLOURS[row["kind"]]},
            "encoding": {
                "opacity": {
                    "field": "share",
                    "type": "quantitative",
                    "scale": {"domain": [0, 1], "range": [0.06, 0.62]},
                    "legend": None,
                }
            },
        }
    ]
    if len(gold) <= WITH_NUMBERS:
        layers.append({"mark": {"type": "text", "fontSize": 11 if cell > 20 else 9}, "encoding": {"text": {"field": "words"}}})
    step = {"step": max(cell, 22) if len(gold) <= WITH_NUMBERS else cell}
    spec = {"width": step, "height": step, "data": values(rows), "encoding": encoding, "layer": layers}
    right = sum(counts[at][at] for at in range(len(gold)))
    invalid = sum(line[-1] for line in counts)
    total = sum(map(sum, counts))
    alt = f"{right:,} of {total:,} cases on the diagonal, {invalid:,} answers that were none of the labels"
    about = (
        "Row: the right answer; column: what the arm said; stronger: a larger share of the row. Mistakes are off the diagonal."
    )
    return figure(f"Confusion of {row['arm']}", about, alt, spec)


def learning_curve(summary: Mapping[str, Any]) -> Figure:
    """As `versus learning-curve` draws it, in the page's ink."""
    from app.benchmarks.curve.figure import chart

    spec = chart(summary, INK)
    spec.pop("background", None)
    spec["config"] = merged(spec["config"], {**THEME, "legend": {**THEME["legend"], "columns": 1}})
    alt = " ".join(found["sentence"] for found in summary["crossings"])
    return figure("Learning curve", alt, alt, spec)
