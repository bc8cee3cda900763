"""A learning curve as Markdown, as a table for a terminal, and as files that appear whole."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.benchmarks.curve.crossing import RULE
from app.benchmarks.curve.figure import METRICS, STYLES, figure
from app.benchmarks.curve.subsets import HOLD_EVERY
from app.benchmarks.curve.written import cell, model_words, plain, put, share, signed

if TYPE_CHECKING:
    from rich.console import RenderableType

Summary = Mapping[str, Any]
FILES = ("curve.svg", "curve.md", "curve.json")


def write(summary: Summary, folder: Path) -> list[Path]:
    """The picture, the numbers for people and for machines. Raises SetupError for a folder that cannot be written."""
    texts = (figure(summary), to_markdown(summary), json.dumps(summary, indent=2) + "\n")
    return put(folder, dict(zip(FILES, texts, strict=True)))


def sentences(summary: Summary) -> list[str]:
    """The crossings in words, accuracy first."""
    return [found["sentence"] for found in summary["crossings"]]


def method(summary: Summary) -> list[str]:
    """How the numbers came to be."""
    over = "test cases (Wilson, Tango, bootstrap with 2,000 resamples)"
    spread = (
        f"over {over} and, added in squares with Student's t, over {summary['seeds']} seeds. A seed draws labels and trains."
        if summary["seeds"] > 1
        else f"over {over} only, as there is one seed."
    )
    return [
        f"Every arm answers the same {summary['test_cases']:,} test cases at every size, once a point.",
        "Labels come from all rows that are not test. Those of one size are within those of the next; every class has a row as "
        "far as the size allows, beyond that its share.",
        f"One label in {HOLD_EVERY} is held out to choose the best weights and the baseline's regularisation, and counts "
        "towards the size. The baseline then learns from all labels of the size, the custom model does not. On the labels the "
        "general model chooses how it is asked; as few-shot, at most half of them are its examples.",
        f"Intervals, 95 %: {spread}",
        RULE,
    ]


def to_table(summary: Summary) -> "RenderableType":
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    for metric, title in METRICS.items():
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), title=Text(_table_title(summary, title)))
        table.add_column("labels", justify="right", no_wrap=True)
        for kind in STYLES:
            table.add_column(summary["arms"][kind], min_width=9)
        for point in summary["points"]:
            table.add_row(f"{point['labels']:,}", *(Text(cell(point["arms"][kind][metric])) for kind in STYLES))
        parts += [table, Text()]
    parts += [Text(sentence, style="bold") for sentence in sentences(summary)]
    parts += [Text(), *(Text(f"{number}. {note}", style="dim") for number, note in enumerate(_footnotes(summary), 1))]
    return Group(*parts)


def _table_title(summary: Summary, title: str) -> str:
    return f"{summary['dataset']}, {title}, n = {summary['test_cases']:,}, seeds: {summary['seeds']}"


def _footnotes(summary: Summary) -> list[str]:
    return [*summary["notes"], *method(summary)]


def to_markdown(summary: Summary) -> str:
    """Every number, and how it came to be."""
    lines = [f"# How much data is enough: {plain(summary['dataset'])}", "", "![curve](curve.svg)", ""]
    lines += [f"- {plain(sentence)}" for sentence in sentences(summary)]
    for metric, title in METRICS.items():
        lines += ["", f"## {title[0].upper()}{title[1:]}", ""]
        arms = [[cell(point["arms"][kind][metric]) for kind in STYLES] for point in summary["points"]]
        lines += _table(["labels", *(summary["arms"][kind] for kind in STYLES)], summary, arms)
        lines += ["", "Standard deviation between seeds:", ""] if summary["seeds"] > 1 else []
        if summary["seeds"] > 1:
            spread = [[share(point["arms"][kind][metric]["seed_sd"], 3) for kind in STYLES] for point in summary["points"]]
            lines += _table(["labels", *(summary["arms"][kind] for kind in STYLES)], summary, spread)
        rivals = [kind for kind in STYLES if kind != "custom"]
        paired = [[signed(point["custom_minus"][kind][metric]) for kind in rivals] for point in summary["points"]]
        lines += ["", "Custom minus each other, paired, in points:", ""]
        lines += _table(["labels", *(summary["arms"][kind] for kind in rivals)], summary, paired)
    lines += ["", "## How it was measured", "", *(f"{n}. {plain(note)}" for n, note in enumerate(_footnotes(summary), 1))]
    lines += ["", "| | |", "|---|---|"]
    about = {
        "method": summary["method"],
        "minutes for each training": summary["minutes"] or "no limit",
        "seconds of each training, by size": "; ".join(_seconds(point) for point in summary["points"]),
        "made from": model_words(summary["base"]),
        "general": model_words(summary["general"]),
    }
    lines += [f"| {name} | {plain(str(value))} |" for name, value in about.items()]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], summary: Summary, rows: Sequence[Sequence[str]]) -> list[str]:
    sizes = [f"{point['labels']:,}" for point in summary["points"]]
    body = [f"| {' | '.join([size, *row])} |" for size, row in zip(sizes, rows, strict=True)]
    return [f"| {' | '.join(map(plain, head))} |", "|" + " --- |" * len(head), *body]


def _seconds(point: Mapping[str, Any]) -> str:
    seconds = [facts["seconds"] for facts in point["arms"]["custom"]["facts"]]
    return f"{point['labels']:,}: {', '.join(f'{one:,.0f}' for one in seconds)}"
