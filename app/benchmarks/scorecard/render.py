"""A scorecard's result as Markdown and as a terminal table: both show every number with its interval and n."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

Result = Mapping[str, Any]


def to_markdown(result: Result) -> str:
    """The reasons, one table each, then what general still does better."""
    general, custom = result["general"]["id"], result["custom"]["id"]
    lines = [
        f"# Scorecard: {custom} against {general} on {result['task']}",
        "",
        "| reason | state | why |",
        "|---|---|---|",
        *(f"| {_cell(one['title'])} | {one['state']} | {_cell(one['why'])} |" for one in result["reasons"]),
        f"| Retained generality | {result['generality']['state']} | {_cell(result['generality']['why'])} |",
        "",
        result["rule"],
    ]
    for reason in result["reasons"]:
        lines += ["", f"## {reason['title']}: {reason['state']}", "", reason["claim"], ""]
        lines += ["| measure | general | custom | difference | p | n |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {' | '.join(map(_cell, _row(measure, measure is reason['deciding'])))} |" for measure in _measures(reason)
        ]
        lines += [
            f"| {_cell(fact['name'])} | {_fact(fact['general'])} | {_fact(fact['custom'])} | | | |" for fact in reason["facts"]
        ]
        lines += ["", *(f"- {note}" for note in reason["notes"])]
    lines += ["", f"## Retained generality: {result['generality']['state']}", "", *_generality(result["generality"])]
    return "\n".join(lines) + "\n"


def to_table(result: Result) -> "Table":
    """For a terminal; the deciding measure of each reason is marked."""
    from rich.table import Table
    from rich.text import Text

    def add(*cells: str) -> None:
        # Brackets in a text are no markup.
        table.add_row(*map(Text, cells))

    table = Table(title=f"{result['custom']['id']} against {result['general']['id']} on {result['task']}", title_justify="left")
    for column in ("reason", "state", "general", "custom", "difference", "p", "n"):
        table.add_column(column, overflow="fold")
    for reason in result["reasons"]:
        table.add_section()
        add(reason["title"], reason["state"])
        for measure in _measures(reason):
            name, *numbers = _row(measure, measure is reason["deciding"])
            add(f"  {name}", "", *numbers)
        for fact in reason["facts"]:
            add(f"  {fact['name']}", "", _fact(fact["general"]), _fact(fact["custom"]))
    table.add_section()
    generality = result["generality"]
    add("Retained generality", generality["state"])
    if generality["accuracy"] is not None:
        name, *numbers = _row(generality["accuracy"], True)
        add(f"  {name}", "", *numbers)
    return table


def _measures(reason: Result) -> list[Any]:
    return [reason["deciding"], *reason["others"]]


def _row(measure: Result, decides: bool) -> list[str]:
    """Name, general, custom, difference, p, n; why there is none in the place of the numbers."""
    name = f"{measure['name']}{' *' if decides else ''}"
    if measure["difference"] is None:
        return [name, "-", "-", measure["missing"], "", ""]
    sign = "" if measure["neutral"] == 1.0 else "+"
    times = " times" if measure["neutral"] == 1.0 else ""
    return [
        name,
        _interval(measure["general"]),
        _interval(measure["custom"]),
        _interval(measure["difference"], sign) + times,
        f"{measure['p']:.2g}",
        f"{measure['difference']['n']:,}",
    ]


def _interval(one: Result, sign: str = "") -> str:
    return f"{one['estimate']:{sign}.3g} [{one['low']:{sign}.3g}, {one['high']:{sign}.3g}]"


def _fact(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def _generality(told: Result) -> list[str]:
    lines = [told["why"]]
    if told["general_better"]:
        lines += ["", f"General is better at: {', '.join(told['general_better'])} (p adjusted over the kinds)."]
    if told["kinds"]:
        lines += ["", "| kind | held out of general's training | general | custom | difference | p (Holm) | n |"]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [
            f"| {row['kind']} | {'yes' if row['held_out'] else 'no'} | {_interval(row['general'])} "
            f"| {_interval(row['custom'])} | {_interval(row['difference'], '+')} | {row['p_holm']:.2g} "
            f"| {row['difference']['n']} |"
            for row in told["kinds"]
        ]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
