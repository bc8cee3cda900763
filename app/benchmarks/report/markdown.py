"""A run's report as Markdown."""

from collections.abc import Sequence

from app.benchmarks.curve.written import plain
from app.benchmarks.report.facts import Facts
from app.benchmarks.report.grids import Grid, grids, undefined
from app.benchmarks.report.table import cells, headers, verdict_lines
from app.benchmarks.summary import Summary


def to_markdown(summary: Summary, facts: Facts | None = None) -> str:
    """The verdict, the table of arms, then every other table and how to read them."""
    lines = [f"# {plain(summary['task'])}", ""]
    for line in verdict_lines(summary):
        lines += [plain(line), ""]
    lines += table_lines(headers(summary), [cells(row) for row in summary["rows"]])
    for grid in grids(summary, facts or Facts()):
        lines += grid_lines(grid)
    lines += ["", "## How to read this", ""]
    lines += [f"{index}. {plain(note)}" for index, note in enumerate([*summary["footnotes"], *undefined(summary)], start=1)]
    if summary["verdict"]:
        lines += ["", f"Rule: {plain(summary['verdict']['rule'])}"]
    return "\n".join(lines) + "\n"


def grid_lines(grid: Grid, level: str = "##") -> list[str]:
    """Its title, its sentence, its table where it has rows."""
    lines = ["", f"{level} {plain(grid.title)}", "", plain(grid.about)]
    return lines + (["", *table_lines(grid.head, grid.rows)] if grid.rows else [])


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(head), "|" + " --- |" * len(head), *map(_line, rows)]


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(plain(text) for text in texts) + " |"
