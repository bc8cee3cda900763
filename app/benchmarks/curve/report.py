"""A learning curve as Markdown, as a table for a terminal, and as files that appear whole."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.benchmarks.curve.crossing import RULE
from app.benchmarks.curve.figure import METRICS, STYLES, figure
from app.benchmarks.curve.subsets import HOLD_EVERY
from app.errors import SetupError

if TYPE_CHECKING:
    from rich.console import RenderableType

Summary = Mapping[str, Any]
FILES = ("curve.svg", "curve.md", "curve.json")


def prepare(folder: Path) -> None:
    """Before hours of measuring. Raises SetupError for a folder that cannot be written."""
    _put(folder, {".writable": ""})
    (folder / ".writable").unlink()


def write(summary: Summary, folder: Path) -> list[Path]:
    """The picture, the numbers for people and for machines. Raises SetupError for a folder that cannot be written."""
    texts = (figure(summary), to_markdown(summary), json.dumps(summary, indent=2) + "\n")
    return _put(folder, dict(zip(FILES, texts, strict=True)))


def _put(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    paths = [folder / name for name in texts]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            part = path.with_name(f"{path.name}.part")
            part.write_text(texts[path.name], encoding="utf-8")
            part.replace(path)
    except OSError as error:
        raise SetupError(f"{folder} cannot be written ({error.strerror}); name another folder with --out.") from error
    return paths


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


def cell(measured: Mapping[str, Any]) -> str:
    """.842 [.81-.87]"""
    return f"{_share(measured['estimate'], 3)} [{_share(measured['low'], 2)}-{_share(measured['high'], 2)}]"


def signed(measured: Mapping[str, Any]) -> str:
    """+12.3 [+8.1 to +16.0], in points."""
    return f"{100 * measured['estimate']:+.1f} [{100 * measured['low']:+.1f} to {100 * measured['high']:+.1f}]"


def _share(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if text.startswith("0") else text[:-1]


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
    lines = [f"# How much data is enough: {_plain(summary['dataset'])}", "", "![curve](curve.svg)", ""]
    lines += [f"- {_plain(sentence)}" for sentence in sentences(summary)]
    for metric, title in METRICS.items():
        lines += ["", f"## {title[0].upper()}{title[1:]}", ""]
        arms = [[cell(point["arms"][kind][metric]) for kind in STYLES] for point in summary["points"]]
        lines += _table(["labels", *(summary["arms"][kind] for kind in STYLES)], summary, arms)
        lines += ["", "Standard deviation between seeds:", ""] if summary["seeds"] > 1 else []
        if summary["seeds"] > 1:
            spread = [[_share(point["arms"][kind][metric]["seed_sd"], 3) for kind in STYLES] for point in summary["points"]]
            lines += _table(["labels", *(summary["arms"][kind] for kind in STYLES)], summary, spread)
        rivals = [kind for kind in STYLES if kind != "custom"]
        paired = [[signed(point["custom_minus"][kind][metric]) for kind in rivals] for point in summary["points"]]
        lines += ["", "Custom minus each other, paired, in points:", ""]
        lines += _table(["labels", *(summary["arms"][kind] for kind in rivals)], summary, paired)
    lines += ["", "## How it was measured", "", *(f"{n}. {_plain(note)}" for n, note in enumerate(_footnotes(summary), 1))]
    lines += ["", "| | |", "|---|---|"]
    about = {
        "method": summary["method"],
        "minutes for each training": summary["minutes"] or "no limit",
        "seconds of each training, by size": "; ".join(_seconds(point) for point in summary["points"]),
        "made from": _model(summary["base"]),
        "general": _model(summary["general"]),
    }
    lines += [f"| {name} | {_plain(str(value))} |" for name, value in about.items()]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], summary: Summary, rows: Sequence[Sequence[str]]) -> list[str]:
    sizes = [f"{point['labels']:,}" for point in summary["points"]]
    body = [f"| {' | '.join([size, *row])} |" for size, row in zip(sizes, rows, strict=True)]
    return [f"| {' | '.join(map(_plain, head))} |", "|" + " --- |" * len(head), *body]


def _seconds(point: Mapping[str, Any]) -> str:
    seconds = [facts["seconds"] for facts in point["arms"]["custom"]["facts"]]
    return f"{point['labels']:,}: {', '.join(f'{one:,.0f}' for one in seconds)}"


def _model(model: Mapping[str, Any]) -> str:
    return f"{model['id']}, {model['parameters']:,} parameters, digest {model['digest'][:16]}…"


def _plain(text: str) -> str:
    """Text that can neither break a table nor become HTML."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
