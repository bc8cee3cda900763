"""`versus data`: adds files as datasets or tells what they would make, lists datasets, shows and exports one."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.database.session import Session
    from app.datasets.schemas import DatasetOut, DatasetRowOut, PreviewOut
    from app.datasets.splits import Split
    from app.errors import UnclearColumns

app = typer.Typer(no_args_is_help=True, help="Data: add, list, show, export.")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A CSV, TSV, JSON Lines or Parquet file.", exists=True, dir_okay=False)],
    text: Annotated[str | None, typer.Option(help="Column that holds the text; by default guessed.")] = None,
    label: Annotated[str | None, typer.Option(help="Column that holds the label; by default guessed.")] = None,
    answer: Annotated[str | None, typer.Option(help="Column that holds the summary or answer (text to text).")] = None,
    fields: Annotated[
        str | None, typer.Option(help="Column of objects, or columns separated by commas, to extract from the text.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="classification, extraction, text_to_text or text; by default told by the columns.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="The official test rows, a file of the same columns.", exists=True, dir_okay=False)
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(help="With --test: the official validation rows.", exists=True, dir_okay=False)
    ] = None,
    split_by: Annotated[str | None, typer.Option(help="Column of dates, groups, or train/validation/test to split by.")] = None,
    split: Annotated[
        str | None, typer.Option(help="random, time, group or given; by default told by --split-by and --test, else random.")
    ] = None,
    fractions: Annotated[str, typer.Option(help="Shares of train, validation and test.")] = "0.7,0.1,0.2",
    top: Annotated[int | None, typer.Option(help="Keep the rows of so many most frequent labels.")] = None,
    name: Annotated[str | None, typer.Option(help="By default the file's; a name that exists gets a new version.")] = None,
    keep: Annotated[
        str | None, typer.Option(help="Columns to keep beside each row, separated by commas: a benchmark's slices, clusters.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of a split at random or by group.")] = 0,
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV file, where it is not the comma: ; | or tab.")] = None,
    clean: Annotated[bool, typer.Option(help="Take off what nobody sees in texts; labels are never changed.")] = True,
    drop: Annotated[
        str,
        typer.Option(help="Leave out of train and validation what a later split has: exact copies, near ones too, or none."),
    ] = "exact",
    similarity: Annotated[float, typer.Option(help="Of 5-character pieces (Jaccard), from which texts are near copies.")] = 0.8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what it would make and store nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Add a file as a dataset, split into train, validation and test.

    Columns that are not named are guessed; where that is not sure enough, you are asked on a terminal, and told elsewhere.
    The very same content under the same name is not added again.

    Examples:

      versus data add tickets.csv --dry-run

      versus data add tickets.csv --text body --label queue

      versus data add claims.csv --text narrative --label body_part --split-by accident_date --top 12 --name claims-desk

      versus data add train.csv --test test.csv --name banking

      versus data add tickets.csv --text body --label queue --keep channel,customer

      versus data add visits.parquet --text dialogue --answer summary --drop near
    """
    from pydantic import ValidationError

    from app.cli.data_work import ingest_files, preview_files, store_ingested
    from app.cli.progress import fail
    from app.datasets.schemas import DatasetIn
    from app.errors import UnclearColumns, Unprocessable, VersusError
    from app.settings import Settings

    given: dict[str, Any] = {"name": name, "text": text, "label": label, "answer": answer, "fields": fields, "kind": kind}
    given |= {"split": split, "split_by": split_by, "fractions": fractions, "top": top, "seed": seed, "delimiter": delimiter}
    given |= {"clean": clean, "drop": drop, "similarity": similarity, "keep": keep}
    files: dict[Split, Path | None] = {"train": file, "validation": validation, "test": test}
    try:
        if validation is not None and test is None:
            raise Unprocessable("--validation goes with --test: without official test rows, all rows are shared out.")
        settings = Settings()
        while True:
            options = DatasetIn.model_validate(given)
            try:
                if dry_run:
                    return _show_preview(preview_files(files, options, settings), as_json)
                ingested = ingest_files(files, options, settings)
                break
            except UnclearColumns as error:
                if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
                    raise
                _ask(error, given)
        dataset = store_ingested(ingested)
    except ValidationError as error:
        wrong = error.errors()[0]
        fail(Unprocessable(f"--{str(wrong['loc'][0]).replace('_', '-')}: {wrong['msg']}, not {wrong['input']!r}."))
    except VersusError as error:
        fail(error)
    _show(dataset, as_json)
    return None


@app.command("list")
def list_datasets(limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50, as_json: JsonFlag = False) -> None:
    """List all versions of all datasets, newest first.

    Examples:

      versus data list

      versus data list --limit 5 --json
    """
    from app.cli.data_work import in_database
    from app.datasets import store
    from app.datasets.schemas import DatasetOut

    async def read(session: "Session") -> "list[DatasetOut]":
        found, _ = await store.list_datasets(session, cursor=None, limit=limit)
        return [DatasetOut.of(dataset) for dataset in found]

    datasets = in_database(read)
    if as_json:
        typer.echo(json.dumps([dataset.model_dump(mode="json") for dataset in datasets], indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table

    from app.cli.progress import add_row, print_table

    table = Table("dataset", "version", "kind", "rows", "labels", "split", Column("id", no_wrap=True))
    for dataset in datasets:
        split, labels = str(dataset.split.get("strategy", "")), str(len(dataset.labels) or "")
        add_row(table, dataset.name, str(dataset.version), dataset.kind, f"{dataset.rows:,}", labels, split, dataset.id)
    print_table(table, Console())


@app.command()
def show(
    dataset: Annotated[str, typer.Argument(help="name (its newest version) or id")],
    rows: Annotated[int, typer.Option(min=0, max=1000, help="Show so many of its first rows.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Show a dataset: where it is from, its splits and labels, and what was found when it was read.

    Examples:

      versus data show claims-desk

      versus data show claims-desk --rows 5

      versus data show claims-desk --json
    """
    from app.cli.data_tables import print_rows
    from app.cli.data_work import in_database
    from app.datasets import store
    from app.datasets.schemas import DatasetOut, DatasetRowOut

    async def read(session: "Session") -> "tuple[DatasetOut, list[DatasetRowOut]]":
        found = await store.find_dataset(session, dataset)
        first = await store.dataset_rows(session, found.id, limit=rows) if rows else []
        shown = [DatasetRowOut.of(found.kind, row.position, row) for row in first]
        return DatasetOut.of(found), shown

    found, first = in_database(read)
    if as_json and rows:
        typer.echo(
            json.dumps(found.model_dump(mode="json") | {"data": [row.model_dump(mode="json") for row in first]}, indent=2)
        )
        return
    _show(found, as_json)
    print_rows(first)


@app.command()
def export(
    dataset: Annotated[str, typer.Argument(help="name (its newest version) or id")],
    out: Annotated[Path, typer.Argument(help="The file to write, .jsonl or .csv.", dir_okay=False)],
    split: Annotated[str | None, typer.Option(help="train, validation or test alone; by default all.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a dataset to a file, each row with its split.

    JSON Lines, added again under the same name with --split-by split, are the same version; what was added with --keep,
    --no-clean or --drop none needs that again. In CSV an apostrophe stands before a text that a spreadsheet would compute. A
    file that exists is replaced.

    Examples:

      versus data export claims-desk claims.jsonl

      versus data export claims-desk test.csv --split test
    """
    from app.cli.data_work import write
    from app.cli.progress import fail
    from app.datasets.export import FORMATS
    from app.datasets.splits import SPLITS
    from app.errors import Unprocessable

    form = next((form for form in FORMATS if out.suffix.lower() == f".{form}"), None)
    if form is None:
        fail(Unprocessable(f"{out.name} is none of {', '.join(f'.{form}' for form in FORMATS)}; name the file by its format."))
    if split is not None and split not in SPLITS:
        fail(Unprocessable(f"--split: {split!r} is none of {', '.join(SPLITS)}."))
    try:
        written = write(dataset, out, form, split)
    except OSError as error:
        fail(Unprocessable(f"{out} cannot be written: {error.strerror}."))
    if as_json:
        typer.echo(json.dumps(written, indent=2))
    else:
        typer.echo(f"{written['file']}: {written['rows']:,} rows of {written['dataset']}")


def _ask(error: "UnclearColumns", given: dict[str, Any]) -> None:
    """Puts what a person chooses among the options."""
    typer.echo(error.message)
    choices = error.choices
    for number, choice in enumerate(choices, 1):
        typer.echo(f"  {number}  {choice}")
    while (number := typer.prompt(f"Which is the {error.param}? (number)", type=int)) not in range(1, len(choices) + 1):
        typer.echo(f"Choose a number from 1 to {len(choices)}.")
    given[str(error.param)] = choices[number - 1]


def _show(dataset: "DatasetOut", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(dataset.model_dump(mode="json"), indent=2))
        return
    from app.cli.data_tables import print_content

    typer.echo(
        f"{dataset.name} version {dataset.version} ({dataset.id}): {dataset.rows:,} rows of {dataset.source}, {dataset.kind}"
    )
    print_content(dataset)


def _show_preview(preview: "PreviewOut", as_json: bool) -> None:
    """Exit code 2 where the upload would be refused."""
    if as_json:
        typer.echo(json.dumps(preview.model_dump(mode="json"), indent=2))
    else:
        from app.cli.data_tables import print_preview

        print_preview(preview)
    if preview.problem:
        sys.stderr.write(f"{preview.problem}\n")
        raise typer.Exit(2)
