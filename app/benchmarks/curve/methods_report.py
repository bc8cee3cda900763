"""The table of methods as Markdown, as a table for a terminal, and as files that appear whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.benchmarks.curve.written import cell, model_words, plain, put, share, signed

if TYPE_CHECKING:
    from rich.console import RenderableType

Summary = Mapping[str, Any]
HEAD = ("arm", "accuracy", "macro-F1", "macro-F1 minus TF-IDF, points", "on validation", "training", "parameters")


def write(summary: Summary, folder: Path) -> list[Path]:
    """The numbers for people and for machines. Raises SetupError for a folder that cannot be written."""
    return put(folder, {"methods.md": to_markdown(summary), "methods.json": json.dumps(summary, indent=2) + "\n"})


def cells(row: Mapping[str, Any]) -> list[str]:
    """One for each of HEAD."""
    minus, validation, seconds = row["minus_classical"], row["validation_macro_f1"], row["training_seconds"]
    return [
        row["name"],
        cell(row["accuracy"]),
        cell(row["macro_f1"]),
        "" if minus is None else signed(minus["macro_f1"]),
        "" if validation is None else share(validation, 3),
        "" if seconds is None else f"{seconds:,.0f} s",
        "" if row["parameters"] is None else f"{row['parameters'] / 1e6:.2f} M",
    ]


def method(summary: Summary) -> list[str]:
    """How the numbers came to be."""
    minutes = "no limit of time" if summary["minutes"] is None else f"at most {summary['minutes']:g} minutes each"
    seeds = summary["seeds"]
    refit = next((row["name"] for row in summary["rows"] if row["refit"]), None)
    learns = "the custom models do not"
    if refit is not None:
        learns = (
            f"{refit} too, as long as had led to its best weights (its time counts both trainings); other custom models do not"
        )
    over = "the test cases alone, as there is one seed" if seeds == 1 else f"test cases and {seeds} seeds"
    return [
        f"Custom models learn from {summary['learned_from']:,} rows, {minutes}; on {summary['chosen_on']:,} others their "
        "weights are chosen, the method, the baseline's regularisation, and how the general model is asked. The baseline then "
        f"learns from all of them, {learns}.",
        f"Every arm answers the same {summary['test_cases']:,} test cases once. Intervals, 95 %, over {over}: Wilson for "
        "accuracy, bootstrap of 2,000 resamples of cases, paired for differences.",
        f"Made from: {model_words(summary['base'])}. General: {model_words(summary['general'])}.",
    ]


def to_table(summary: Summary) -> "RenderableType":
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = f"{summary['dataset']}, {len(summary['labels'])} labels, n = {summary['test_cases']:,}"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), title=Text(title))
    for column in HEAD:
        table.add_column(column, justify="left" if column == HEAD[0] else "right", min_width=9)
    for row in summary["rows"]:
        table.add_row(*map(Text, cells(row)), style="bold" if row["arm"] == summary["best"] else None)
    told = [*(Text(sentence, style="bold") for sentence in summary["sentences"]), Text()]
    notes = [Text(f"{number}. {note}", style="dim") for number, note in enumerate([*summary["notes"], *method(summary)], 1)]
    return Group(table, Text(), *told, *notes)


def to_markdown(summary: Summary) -> str:
    """Every number, and how it came to be."""
    lines = [f"# Which method: {plain(summary['dataset'])}", "", *(f"- {plain(one)}" for one in summary["sentences"]), ""]
    lines += [f"| {' | '.join(HEAD)} |", "| --- |" + " ---: |" * (len(HEAD) - 1)]
    lines += [f"| {' | '.join(map(plain, cells(row)))} |" for row in summary["rows"]]
    lines += ["", *(f"{n}. {plain(note)}" for n, note in enumerate([*summary["notes"], *method(summary)], 1))]
    return "\n".join(lines) + "\n"
