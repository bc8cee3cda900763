"""The numbers of a stored verdict as lines of text, each with its interval and its n: for who checks the decision."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.verdict.rule import NAMES

Stored = Mapping[str, Any]  # a Verdict as plain JSON

_NAMES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "cost": "Cost of mistakes"}


def lines(verdict: Stored) -> list[str]:
    """Paired tests, cost, floors, cascade, economics, and what is missing."""
    parts: list[Sequence[str]] = [
        [_metric(one, verdict) for one in verdict["metrics"]],
        [_discordant(verdict["pair"])] if verdict["pair"] else [],
        [f"Cost: {verdict['cost']}."],
        [_floor(one) for one in verdict["floors"]],
        _needed(verdict),
        _cascade(verdict),
        _economics(verdict["economics"], verdict["custom"]) if verdict["economics"] else [],
        [_compared(one) for one in verdict["pairs"]],
        verdict["notes"],
    ]
    return [line for part in parts for line in part]


def _metric(one: Stored, verdict: Stored) -> str:
    if one["metric"] == "bits_per_byte":
        return _bits(one, verdict)
    unit = f" {one['currency']} per 1,000 cases" if one["metric"] == "cost" else ""
    scale = 1.0 if one["metric"] == "cost" else 100.0
    a, b = (_span(one[side], scale) for side in ("first", "second"))
    gap = _span(one["difference"], scale, signed=True)
    p = f"p {_p(one['p_value'])}"
    if one["adjusted"] != one["p_value"]:
        p += f", adjusted {_p(one['adjusted'])} (Holm)"
    name = _NAMES.get(one["metric"], NAMES[one["metric"]])
    points = "" if one["metric"] == "cost" else " %"
    return (
        f"{name}{unit}: {verdict['custom']} {a}{points}, {verdict['general']} {b}{points}; difference {gap}"
        f"{'' if one['metric'] == 'cost' else ' points'}; {p}; n = {one['difference']['n']:,}."
    )


def _bits(one: Stored, verdict: Stored) -> str:
    a, b = (_span(one[side], 1.0) for side in ("first", "second"))
    gap = _span(one["difference"], 1.0, signed=True)
    return (
        f"Bits per byte: {verdict['custom']} {a}, {verdict['general']} {b}; difference {gap}; p {_p(one['p_value'])}; "
        f"n = {one['difference']['n']:,}."
    )


def _discordant(pair: Stored) -> str:
    return (
        f"Discordant cases: {pair['first_only']:,} only {pair['first']} got right, {pair['second_only']:,} only "
        f"{pair['second']}, of {pair['n']:,}."
    )


def _floor(one: Stored) -> str:
    if one["recall"] is None:
        return f"Recall floor {one['label']} {100 * one['floor']:g} %, {one['arm']}: no test case has this label; unclear."
    more = f"; about {one['cases_needed']:,} cases of it in all would tell" if one["cases_needed"] else ""
    recall = _span(one["recall"], 100.0)
    return (
        f"Recall floor {one['label']} {100 * one['floor']:g} %, {one['arm']}: {recall} %, n = {one['recall']['n']:,}: "
        f"{one['state']}{more}."
    )


def _needed(verdict: Stored) -> list[str]:
    needed = verdict["needed"]
    if not needed:
        return []
    ways = {"superiority": "to find the difference", "non_inferiority": "to show that the cheaper one is not worse"}
    told = [f"{needed[key]:,} in all {what}" for key, what in ways.items() if needed[key]]
    return [f"Cases needed, at 80 % power: {'; '.join(told)}."] if told else []


def _cascade(verdict: Stored) -> list[str]:
    one, note = verdict["cascade"], verdict["cascade_note"]
    if one is None:
        return [note] if note else []
    kept = f" Share of the lead kept (PGR): {_span(one['recovered'], 1.0)}." if one["recovered"] else ""
    unit = one["cost_unit"]
    curve = "; ".join(
        f"{100 * point['escalated']:.0f} %: {100 * point['accuracy']['estimate']:.1f} %"
        + (f" at {point['cost']['estimate']:,.4g}" if point["cost"] else "")
        for point in one["frontier"]
    )
    return [
        f"{note} p {_p(one['p_value'])} (Holm).",
        f"If each case went to a model that is right: {_span(one['oracle'], 100.0)} %, "
        f"{_span(one['oracle_gap'], 100.0, signed=True)} points above the better model alone.{kept}",
        f"Frontier on the test, escalated: accuracy{f' at {unit}' if unit else ''}: {curve}.",
    ]


def _economics(economics: Stored, custom: str) -> list[str]:
    currency, told = economics["currency"], []
    for line in economics["lines"]:
        if (cost := line["per_1000"]) is not None:
            told.append(
                f"Running {line['arm']}: {_span(cost, 1.0)} {currency} per 1,000 cases, n = {cost['n']:,} ({line['basis']})."
            )
    if (saving := economics["saving"]) is not None:
        told.append(f"{custom} saves {_span(saving, 1.0)} {currency} per 1,000 cases.")
    if (broken := economics["break_even"]) is not None:
        told.append(f"{broken['sentence']} ({broken['once_basis']}.)")
        moved = "; ".join(f"{one['what']}: {_cases(one['cases'])}" for one in broken["sensitivity"])
        told.append(f"One at a time: {moved}.")
    return [*told, *(f"Economics: {sentence}." for sentence in economics["missing"])]


def _compared(one: Stored) -> str:
    gap = _span(one["difference"], 100.0, signed=True)
    return (
        f"{one['first']} against {one['second']}: {gap} points, p {_p(one['p_value'])}, adjusted {_p(one['adjusted'])} (Holm "
        f"over all pairs); n = {one['difference']['n']:,}."
    )


def _cases(cases: int | None) -> str:
    return "never" if cases is None else f"{cases:,}"


def _span(interval: Stored, scale: float, *, signed: bool = False) -> str:
    """87.5 [83.9 to 90.4]"""
    estimate, low, high = (scale * interval[part] for part in ("estimate", "low", "high"))
    form = ("+" if signed else "") + (",.4g" if scale == 1.0 else ".1f")
    return f"{estimate:{form}} [{low:{form}} to {high:{form}}]"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("= 0.", "= .")
