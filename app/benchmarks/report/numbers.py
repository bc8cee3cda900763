"""How a report writes numbers: with their interval where they have one, short, and "-" for what was not measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.curve.written import cell

Measured = Mapping[str, Any] | float | None


def interval(measured: Mapping[str, Any] | None) -> str:
    """.912 [.88-.94]"""
    return "-" if measured is None else cell(measured)


def measured(value: Measured) -> str:
    """A share with its interval, or alone where the run gave it none."""
    if isinstance(value, Mapping):
        return cell(value) if value.get("estimate") is not None else "-"
    return "-" if value is None else f"{value:.3f}"


def milliseconds(value: Mapping[str, Any] | None) -> str:
    """23.3 [21.0-29.2]"""
    if value is None:
        return "-"
    return f"{short(value['estimate'])} [{short(value['low'])}-{short(value['high'])}]"


def points(value: Mapping[str, Any]) -> str:
    """+12.3 [+8.1 to +16.0]"""
    return f"{100 * value['estimate']:+.1f} [{100 * value['low']:+.1f} to {100 * value['high']:+.1f}]"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def short(value: float | None) -> str:
    """About three digits."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def per_second(value: float | None) -> str:
    return short(value) if value is None or value < 999.5 else scaled(value, ("", "K", "M"))


def scaled(value: float | None, units: Sequence[str]) -> str:
    if value is None:
        return "-"
    for unit in units[:-1]:
        if value < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}{units[-1]}"


def p_value(value: float) -> str:
    """< .001, or = .042"""
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("= 0.", "= .")
