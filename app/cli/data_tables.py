"""How `versus data` shows a dataset on a terminal: its columns, labels, lengths, language, shared texts and first rows."""

import json
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table

from app.cli.progress import add_row, print_table
from app.datasets.schemas import ContentOut, DatasetRowOut, PreviewOut, ReportOut

SHOWN_CHARS = 100
SHOWN_LABELS = 100


def print_preview(preview: PreviewOut) -> None:
    """The file's columns, what the dataset would be, its first rows."""
    typer.echo(f"{preview.source} (nothing is stored)")
    chosen = {}
    if preview.dataset is not None and preview.dataset.report is not None:
        chosen = {column: choice for choice in preview.dataset.report.columns for column in choice.columns}
    table = Table("column", "looks like", "empty", "distinct", "mean characters", "for example", "taken for")
    for column in preview.columns:
        choice = chosen.get(column.name)
        role = "" if choice is None else choice.role if choice.named else f"{choice.role} (confidence {choice.confidence:.2f})"
        numbers = (f"{column.empty:,}", f"{column.distinct:,}", f"{column.mean_chars:,.0f}")
        add_row(table, column.name, column.looks, *numbers, _short("; ".join(column.examples)), role)
    print_table(table, Console())
    if preview.dataset is not None:
        print_content(preview.dataset)
        print_rows(preview.rows)


def print_content(content: ContentOut) -> None:
    for note in content.notes:
        typer.echo(f"- {note}")
    if content.report is not None:
        _print_report(content.report)
    table = Table("label" if content.labels else "", *content.sizes)
    for label in content.labels[:SHOWN_LABELS]:
        add_row(table, label, *(f"{content.counts[split].get(label, 0):,}" for split in content.sizes))
    if more := content.labels[SHOWN_LABELS:]:
        left = (sum(content.counts[split].get(label, 0) for label in more) for split in content.sizes)
        add_row(table, f"{len(more):,} more labels", *(f"{count:,}" for count in left))
    table.add_section()
    add_row(table, "all", *(f"{size:,}" for size in content.sizes.values()))
    print_table(table, Console())


def print_rows(rows: Sequence[DatasetRowOut]) -> None:
    if not rows:
        return
    name = next((name for name in ("label", "answer", "fields") if getattr(rows[0], name) is not None), None)
    kept = list(rows[0].columns or {})
    table = Table("row", "split", "text", *([name] if name else []), *kept)
    for row in rows:
        beside = getattr(row, name) if name else None
        shown = beside if isinstance(beside, str) else json.dumps(beside, ensure_ascii=False)
        cells = [*([_short(shown)] if name else []), *((row.columns or {}).get(column, "") for column in kept)]
        add_row(table, str(row.position), row.split, _short(row.text), *cells)
    print_table(table, Console())


def _print_report(report: ReportOut) -> None:
    for what, lengths in report.lengths.items():
        words, characters = lengths.words, lengths.characters
        typer.echo(
            f"{what}: {words.median:,.0f} words in the median ({words.p5:,.0f} to {words.p95:,.0f} in 90 % of rows, at most "
            f"{words.max:,}), {characters.median:,.0f} characters (at most {characters.max:,})"
        )
    shares = ", ".join(f"{language} {share:.0%}" for language, share in list(report.language.shares.items())[:4])
    typer.echo(f"language of the text: {report.language.language} ({shares} of {report.language.sampled:,} texts)")
    for name, field in report.fields.items():
        typer.echo(f"field {name!r}: filled in {field.filled:,} rows, word for word in the text of {field.in_text:,}")
    leakage = report.leakage
    for pair in leakage.pairs:
        if not any((*pair.exact.values(), *pair.near.values())):
            continue
        first, second = pair.splits
        typer.echo(
            f"shared by {first} and {second}: word for word {pair.exact[first]:,} and {pair.exact[second]:,} rows, nearly "
            f"{pair.near[first]:,} and {pair.near[second]:,}"
        )
        for example in pair.examples:
            typer.echo(f"  {'same' if example.exact else f'{example.similarity:.2f}'}  {_short(example.texts[0])}")
            typer.echo(f"        {_short(example.texts[1])}")


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= SHOWN_CHARS else f"{shown[: SHOWN_CHARS - 1]}…"
