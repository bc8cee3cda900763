"""What a report shows of a run whose cases get scores: metrics where a run of labels has accuracy and macro-F1."""

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
from app.benchmarks.report.numbers import interval, measured, p_value, percent, points
from app.benchmarks.summary import Summary

Row = Mapping[str, Any]


def metrics_of(summary: Summary) -> Sequence[Row]:
    """The run's metrics, the main one first; none for a run of labels."""
    return summary.get("metrics") or ()


def metric_headers(summary: Summary) -> list[str]:
    return [str(one["title"]) for one in metrics_of(summary)]


def metric_cells(row: Row) -> list[str]:
    """In the order of the metrics."""
    return [score(one) for one in row["scores"].values()]


def score(one: Row | None) -> str:
    """.912 [.88-.94], or 1.234 [1.20-1.27] for what may be above 1."""
    if one is None:
        return "-"
    return interval(one) if one["high"] <= 1 else f"{one['estimate']:.3f} [{one['low']:.3f}-{one['high']:.3f}]"


def slice_metric(summary: Summary) -> str:
    """What is told of each slice."""
    return str(metrics_of(summary)[0]["title"]) if metrics_of(summary) else "accuracy"


def slice_scores(one: Row) -> Mapping[str, Row]:
    """Arm -> its number on the slice; without arms that failed."""
    found: Mapping[str, Row] = one["scores"] if "scores" in one else one["accuracy"]
    return found


def slice_gap(one: Row) -> str:
    """The pair's difference on the slice: in points of accuracy, or as it is."""
    gap = one["pair"]["difference"]
    return f"{gap['estimate']:+.3f} [{gap['low']:+.3f} to {gap['high']:+.3f}]" if "scores" in one else points(gap)


def test_line(summary: Summary) -> str:
    """The numbers of the verdict."""
    verdict = summary["verdict"]
    parts = [
        f"{_name(summary, one['metric'])} {one['difference']['estimate']:+.3f} [{one['difference']['low']:+.3f} to "
        f"{one['difference']['high']:+.3f}], p {p_value(one['p_value'])} (differences with signs turned at random), "
        f"n = {one['difference']['n']:,}"
        for one in verdict["metrics"]
    ]
    return f"Paired difference, {verdict['custom']} minus {verdict['general']}: {'; '.join(parts)}. Cost: {verdict['cost']}."


def key_numbers(summary: Summary) -> list[dict[str, Any]]:
    """The few numbers that the decision hangs on."""
    verdict, one = summary["verdict"], summary["verdict"]["metrics"][0]
    title, gap = _name(summary, one["metric"]), one["difference"]
    sides = [("custom", verdict["custom"], one["first"]), ("general", verdict["general"], one["second"])]
    ahead, behind, n = verdict["custom_ahead"], verdict["general_ahead"], summary["cases"]
    return [
        *(
            {
                "kind": kind,
                "name": f"{kind}, {arm}",
                "number": f"{seen['estimate']:.3f}",
                "detail": f"{title}, 95 % interval {seen['low']:.3f} to {seen['high']:.3f}, n = {seen['n']:,}",
            }
            for kind, arm, seen in sides
        ),
        {
            "kind": "",
            "name": "custom minus general",
            "number": f"{gap['estimate']:+.3f}",
            "detail": f"95 % interval {gap['low']:+.3f} to {gap['high']:+.3f}; p {p_value(one['p_value'])}",
        },
        {
            "kind": "",
            "name": "only one did better",
            "number": f"{ahead:,} : {behind:,}",
            "detail": f"cases on which custom ({percent(ahead, n)}), and on which general ({percent(behind, n)}) did better",
        },
    ]


def forest(summary: Summary) -> Figure:
    """The main metric of every arm with its interval."""
    main = metrics_of(summary)[0]
    shown = [(row, found) for row in summary["rows"] if (found := row["scores"][main["name"]])]
    rows = [{"arm": row["arm"], "kind": row["kind"], **_bounds(found)} for row, found in shown]
    y = names("arm", [row["arm"] for row, _ in shown])
    spec = {
        "width": WIDTH,
        "height": {"step": LINE},
        "data": values(rows),
        "encoding": {"y": y, "color": kind_colour()},
        "layer": [
            {"mark": WHISKER, "encoding": {"x": x("low", _titled(main)), "x2": {"field": "high"}}},
            {"mark": POINT, "encoding": {"x": x("estimate", _titled(main)), "shape": kind_shape()}},
        ],
    }
    better = "left" if main["lower"] else "right"
    alt = "; ".join(f"{row['arm']}: {main['title']} {score(found)}" for row, found in shown)
    return figure("How good is each arm?", f"Points with their 95 % intervals; further {better} is better.", alt, spec)


def difference(summary: Summary) -> Figure | None:
    """Custom minus general on the same cases, with the margin within which one still counts as not worse."""
    verdict = summary["verdict"]
    if verdict is None:
        return None
    found = verdict["metrics"][0]
    title, gap, margin = _name(summary, found["metric"]), found["difference"], verdict["margin_points"] / 100
    lower = next(one["lower"] for one in metrics_of(summary) if one["name"] == found["metric"])
    axis = f"{title}; {'left' if lower else 'right'} of 0: custom better"
    spec = {
        "width": WIDTH,
        "height": LINE,
        "layer": [
            {
                "data": values([{"low": -margin, "high": margin}]),
                "mark": {"type": "rect", "color": INK, "opacity": 0.13},
                "encoding": {"x": x("low", axis), "x2": {"field": "high"}},
            },
            {"data": values([{"low": 0}]), "mark": {"type": "rule", "color": INK}, "encoding": {"x": x("low", axis)}},
            {
                "data": values([_bounds(gap)]),
                "mark": {**WHISKER, "color": INK},
                "encoding": {"x": x("low", axis), "x2": {"field": "high"}},
            },
            {"data": values([_bounds(gap)]), "mark": {**POINT, "color": INK}, "encoding": {"x": x("estimate", axis)}},
        ],
    }
    alt = (
        f"{verdict['custom']} minus {verdict['general']}: {title} {gap['estimate']:+.3f} "
        f"[{gap['low']:+.3f} to {gap['high']:+.3f}], n = {gap['n']:,}"
    )
    about = f"On the same cases, with its 95 % interval. Grey: within {margin:g} of each other; an interval on 0 may be chance."
    return figure("Custom minus general", about, alt, spec)


def field_cells(row: Row) -> list[tuple[str, ...]]:
    """A line for each field of an extraction."""
    return [
        (
            one["field"],
            measured(one["exact"]),
            measured(one["precision"]),
            measured(one["recall"]),
            measured(one["f1"]),
            *(f"{one[name]:,}" for name in ("wrong", "missing", "invented")),
        )
        for one in row.get("fields") or ()
    ]


FIELD_HEAD = ("field", "exact", "precision", "recall", "F1", "wrong", "missing", "invented")


def _name(summary: Summary, metric: str) -> str:
    return str(next(one["title"] for one in metrics_of(summary) if one["name"] == metric))


def _titled(metric: Row) -> str:
    unit = metric["unit"]
    return f"{metric['title']}, {unit}" if unit and unit != metric["title"] else str(metric["title"])


def _bounds(found: Row) -> dict[str, float]:
    return {name: found[name] for name in ("estimate", "low", "high")}
