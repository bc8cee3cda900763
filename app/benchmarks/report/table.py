"""The table of a run's arms and its verdict in words, and both on a terminal."""

from typing import TYPE_CHECKING

from app.benchmarks.report.grids import Grid, by_slice, columns_of
from app.benchmarks.report.numbers import interval, p_value, per_second, scaled, short
from app.benchmarks.report.scored import metric_cells, metric_headers, metrics_of, test_line
from app.benchmarks.summary import Summary

if TYPE_CHECKING:
    from rich.console import RenderableType


def headers(summary: Summary) -> list[str]:
    """Column names in the order of `cells`; a line break where a narrow table may have one."""
    reruns = f"{summary['reruns']} reruns" if summary["reruns"] else "reruns"
    return [
        "arm",
        *(metric_headers(summary) or ("accuracy", "macro-F1")),
        f"same in\n{reruns}",
        "same\nreworded",
        "tokens",
        "p50/p95\nms",
        "cases\n/s",
        "params",
        "size",
    ]


def cells(row: Summary) -> list[str]:
    """One arm as short texts, in the order of `headers`."""
    p50, p95 = row["latency_p50_ms"], row["latency_p95_ms"]
    return [
        f"{row['arm']} (failed)" if row.get("failure") else row["arm"],
        *(metric_cells(row) if "scores" in row else (interval(row["accuracy"]), interval(row["macro_f1"]))),
        interval(row["rerun_consistency"]),
        interval(row["rewording_consistency"]),
        short(row["tokens_per_answer"]),
        f"{short(p50['estimate'])}/{short(p95['estimate'])}" if p50 and p95 else "-",
        per_second(row["cases_per_second"]),
        scaled(row["parameters"], ("", "K", "M", "B")),
        scaled(row["bytes"], (" B", " kB", " MB", " GB")),
    ]


def verdict_lines(summary: Summary) -> list[str]:
    """The verdict in words, then its numbers; one line when the run allows none."""
    verdict = summary["verdict"]
    if verdict is None:
        failed = [row["arm"] for row in summary["rows"] if row.get("failure")]
        why = f" that answered; failed: {', '.join(failed)}" if failed else ""
        return [f"No verdict: it needs a general and a custom arm in the same run{why}."]
    if metrics_of(summary):
        return [f"Verdict: {verdict['decision']}. {verdict['sentence']}", test_line(summary)]
    pair, f1 = verdict["pair"], verdict["pair"]["macro_f1_difference"]
    cases = "case" if pair["first_only"] == 1 else "cases"
    return [
        f"Verdict: {verdict['decision']}. {verdict['sentence']}",
        f"Paired test, {pair['first']} against {pair['second']}: {pair['first_only']} {cases} only the first got right, "
        f"{pair['second_only']} only the second; McNemar mid-p {p_value(pair['p_value'])}; macro-F1 difference "
        f"{f1['estimate']:+.3f} [{f1['low']:+.3f} to {f1['high']:+.3f}]; n = {pair['n']:,}. Cost: {verdict['cost']}.",
    ]


def to_table(summary: Summary) -> "RenderableType":
    """For 126 columns; in fewer, down to 96, the intervals move below their numbers."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, title=Text(f"{summary['task']}, n = {summary['cases']:,}"))
    for name in headers(summary):
        # Texts, not markup: a name with brackets stays as it is. Only the arm and the intervals may wrap.
        if name == "arm":
            table.add_column(name, min_width=12)
        elif name in ("accuracy", "macro-F1", *metric_headers(summary)) or name.startswith("same"):
            table.add_column(name, min_width=9)
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in summary["rows"]:
        table.add_row(*(Text(cell) for cell in cells(row)))
    slices = [part for column in columns_of(summary) for part in (_grid(by_slice(summary, column)), Text())]
    decision, *numbers = verdict_lines(summary)
    footnotes = [Text(f"{index}. {note}", style="dim") for index, note in enumerate(summary["footnotes"], start=1)]
    return Group(table, Text(), *slices, Text(decision, style="bold"), *(Text(line) for line in numbers), Text(), *footnotes)


def _grid(grid: Grid) -> "RenderableType":
    """A table of a report on a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, title=Text(grid.title), caption=Text(grid.about))
    for place, name in enumerate(grid.head):
        table.add_column(name, justify="left" if place == 0 else "right")
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table
