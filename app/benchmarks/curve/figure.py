"""The picture of a learning curve: one self-contained SVG, drawn here, with nothing loaded from elsewhere."""

from collections.abc import Mapping
from typing import Any

from app.benchmarks.curve.arms import Kind

# Okabe and Ito's colours, which colour-blind readers tell apart; dash and mark tell the arms apart without any colour.
STYLES: Mapping[Kind, tuple[str, tuple[int, int], str]] = {
    "custom": ("#0072B2", (1, 0), "circle"),
    "few-shot": ("#D55E00", (8, 3), "triangle-up"),
    "zero-shot": ("#E69F00", (2, 3), "square"),
    "classical": ("#009E73", (6, 2), "diamond"),
    "majority": ("#666666", (1, 3), "cross"),
}
METRICS = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
WIDTH, HEIGHT = 380, 320


def figure(summary: Mapping[str, Any]) -> str:
    """SVG: both metrics over labels on a log axis, a band of 95 % around each arm, a rule where custom begins to win."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart(summary)))


def chart(summary: Mapping[str, Any], ink: str = "#333333") -> dict[str, Any]:
    """As Vega-Lite; `ink` is the colour of what is written into the picture."""
    import altair

    names = {kind: summary["arms"][kind] for kind in STYLES}
    order = [*names.values()]
    styles = [STYLES[kind] for kind in names]
    color = altair.Color("arm:N", scale=altair.Scale(domain=order, range=[color for color, _, _ in styles]), title=None)
    dash = altair.StrokeDash("arm:N", scale=altair.Scale(domain=order, range=[list(dash) for _, dash, _ in styles]), title=None)
    shape = altair.Shape("arm:N", scale=altair.Scale(domain=order, range=[mark for _, _, mark in styles]), title=None)
    panels = []
    for metric, title in METRICS.items():
        rows = [
            {"labels": point["labels"], "arm": names[kind], **_numbers(point["arms"][kind][metric])}
            for point in summary["points"]
            for kind in names
        ]
        base = altair.Chart(altair.Data(values=rows)).encode(
            x=altair.X(
                "labels:Q",
                title="labels to learn from and choose on (log scale)",
                scale=altair.Scale(type="log", nice=False, domain=_domain(summary["sizes"]), padding=12),
                axis=altair.Axis(values=summary["sizes"], format=",", grid=True, labelOverlap="greedy"),
            ),
            color=color,
        )
        y = altair.Y("estimate:Q", title=title, scale=altair.Scale(domain=[0, 1]), axis=altair.Axis(format=".1f"))
        layers = [
            base.mark_area(opacity=0.16).encode(y=altair.Y("low:Q", title=title), y2="high:Q"),
            # Where there is one size, a band has no width.
            base.mark_rule(opacity=0.6, strokeWidth=1).encode(y=altair.Y("low:Q", title=title), y2="high:Q"),
            base.mark_line(strokeWidth=2.2).encode(y=y, strokeDash=dash),
            base.mark_point(size=58, filled=True, opacity=1).encode(y=y, shape=shape),
            *_crossings(summary, metric, ink, altair),
        ]
        panels.append(altair.layer(*layers).properties(width=WIDTH, height=HEIGHT))
    drawn = (
        altair.hconcat(*panels)
        .properties(title=altair.TitleParams(_title(summary), subtitle=_subtitle(summary), anchor="start", offset=14))
        .configure(font="sans-serif", background="white")
        .configure_axis(labelFontSize=12, titleFontSize=13, gridColor="#e6e6e6", titleFontWeight="normal")
        .configure_legend(
            orient="bottom", labelFontSize=13, symbolSize=110, symbolOpacity=1, symbolStrokeWidth=2.2, labelLimit=320, columns=3
        )
        .configure_title(fontSize=16, subtitleFontSize=12, subtitleColor="#444444")
        .configure_view(stroke="#bbbbbb")
    )
    found: dict[str, Any] = drawn.to_dict()
    return found


def _numbers(measured: Mapping[str, Any]) -> dict[str, float]:
    return {name: measured[name] for name in ("estimate", "low", "high")}


def _domain(sizes: list[int]) -> list[float]:
    """A log axis needs two different ends."""
    return [sizes[0], sizes[-1]] if len(sizes) > 1 else [sizes[0] / 2, sizes[0] * 2]


def _crossings(summary: Mapping[str, Any], metric: str, ink: str, altair: Any) -> list[Any]:
    """A rule and its words for each rival that custom beats from some size on."""
    layers = []
    for found in summary["crossings"]:
        if found["metric"] != metric or not found["from_labels"]:
            continue
        high = found["against"] == "general"
        words = f"beats {'general' if high else 'baseline'} from {found['from_labels']:,}"
        data = altair.Data(values=[{"labels": found["from_labels"], "at": 0.97 if high else 0.92, "words": words}])
        right = found["from_labels"] ** 2 > summary["sizes"][0] * summary["sizes"][-1]
        at = altair.Chart(data).encode(x="labels:Q")
        layers += [
            at.mark_rule(color=ink, strokeWidth=1, strokeDash=[3, 3]),
            at.mark_text(
                align="right" if right else "left", dx=-5 if right else 5, fontSize=11, color=ink, baseline="middle"
            ).encode(y=altair.Y("at:Q", scale=altair.Scale(domain=[0, 1])), text="words:N"),
        ]
    return layers


def _title(summary: Mapping[str, Any]) -> str:
    return f"How much data is enough? {summary['dataset']}"


def _subtitle(summary: Mapping[str, Any]) -> list[str]:
    seeds = "1 seed" if summary["seeds"] == 1 else f"mean of {summary['seeds']} seeds"
    over = "test cases" if summary["seeds"] == 1 else "test cases and seeds"
    return [
        f"{len(summary['labels'])} classes, n = {summary['test_cases']:,} test cases, {seeds}; bands: 95 % over {over}",
        f"custom: {summary['method']} from {summary['base']['id']}; general: {summary['general']['id']}",
    ]
