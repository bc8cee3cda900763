"""How a report draws: Vega-Lite as plain data becomes inline SVG in the page's own colours, light and dark.

Colours are the page's CSS variables and `currentColor`, so a picture follows the page into the dark and onto paper. Nothing is
clipped: clip paths would get numbers that differ from one drawing to the next, and the same run should give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Spec = dict[str, Any]

INK = "currentColor"
COLOURS = {"custom": "var(--custom)", "general": "var(--general)", "baseline": "var(--baseline)"}
SHAPES = {"custom": "circle", "general": "square", "baseline": "diamond"}  # told apart without any colour
DASHES = {"custom": [1, 0], "general": [7, 3], "baseline": [2, 3]}
KINDS = tuple(COLOURS)
WIDTH = 330  # of the plot itself, pixels: narrow enough for a phone
LINE = 32  # of a row with a name

WHISKER: Spec = {"type": "rule", "strokeWidth": 2}
POINT: Spec = {"type": "point", "filled": True, "size": 80, "opacity": 1}

_TEXT = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
THEME: Spec = {
    "aria": False,  # the picture as a whole has its text
    "background": "transparent",
    "font": "Helvetica, Arial, sans-serif",
    "padding": {"left": 26, "right": 16, "top": 4, "bottom": 4},  # names in a wider font than the one measured here
    "axis": {
        **_TEXT,
        "labelLimit": 160,
        "gridColor": INK,
        "gridOpacity": 0.14,
        "domainColor": INK,
        "domainOpacity": 0.4,
        "tickColor": INK,
        "tickOpacity": 0.4,
        "titlePadding": 8,
    },
    "legend": {
        **_TEXT,
        "orient": "bottom",
        "direction": "vertical",
        "title": None,
        "labelLimit": 260,
        "symbolOpacity": 1,
        "symbolSize": 90,
    },
    "header": {**_TEXT, "titleFontSize": 13, "labelFontSize": 13},
    "title": {"color": INK, "subtitleColor": INK},
    "view": {"stroke": None},
    "text": {"color": INK, "fontSize": 11},
}


@dataclass(frozen=True)
class Figure:
    """A picture with what to read out in its place."""

    title: str
    about: str  # what it shows and how to read it
    alt: str  # its numbers in words
    svg: str


def figure(title: str, about: str, alt: str, spec: Spec) -> Figure:
    return Figure(title, about, alt, svg(spec, alt))


def svg(spec: Spec, alt: str) -> str:
    """Inline SVG that a screen reader reads as one picture."""
    import vl_convert

    themed = {**spec, "config": merged(THEME, spec.get("config", {}))}
    drawn = str(vl_convert.vegalite_to_svg(json.dumps(themed)))
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1)


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> Spec:
    """Nested; what `second` says wins."""
    result = dict(first)
    for key, value in second.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result


# ---- Parts of specs


def values(rows: Sequence[Mapping[str, Any]]) -> Spec:
    return {"values": list(rows)}


def x(field: str, title: str | None, *, scale: Spec | None = None, axis: Spec | None = None) -> Spec:
    """A quantity, also as y."""
    return {"field": field, "type": "quantitative", "title": title, "scale": scale or {"zero": False}, "axis": axis or {}}


def names(field: str, order: Sequence[str], *, title: str | None = None, axis: Spec | None = None) -> Spec:
    """Names in the given order; the order is plain data, so that no name is read as an expression."""
    return {
        "field": field,
        "type": "nominal",
        "title": title,
        "scale": {"domain": list(order)},
        "axis": {"ticks": False, "domain": False, **(axis or {})},
    }


def by_kind(channel: Mapping[str, Any], order: Sequence[str], kinds: Sequence[str]) -> Spec:
    """Arms `order` in what `channel` gives each of their `kinds`: colour, shape or dash."""
    scale = {"domain": list(order), "range": [channel[kind] for kind in kinds]}
    return {"field": "arm", "type": "nominal", "scale": scale, "legend": {}}


def kind_colour() -> Spec:
    return {"field": "kind", "type": "nominal", "scale": {"domain": list(KINDS), "range": [*COLOURS.values()]}, "legend": None}


def kind_shape() -> Spec:
    return {"field": "kind", "type": "nominal", "scale": {"domain": list(KINDS), "range": [*SHAPES.values()]}, "legend": None}
