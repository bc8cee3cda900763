"""`versus data`: adds labelled files as datasets, lists them, shows one."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.database.session import Session
    from app.datasets.schemas import DatasetIn, DatasetOut
    from app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Labelled data: add, list, show.")

T = TypeVar("T")
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A CSV, TSV or JSON Lines file.", exists=True, dir_okay=False)],
    text: Annotated[str | None, typer.Option(help="Column that holds the text; by default that of the longest cells.")] = None,
    label: Annotated[str | None, typer.Option(help="Column that holds the label; by default one with few values.")] = None,
    split_by: Annotated[str | None, typer.Option(help="Column of dates or groups to split by.")] = None,
    split: Annotated[
        str | None, typer.Option(help="random, time or group; by default time or group with --split-by, else random.")
    ] = None,
    fractions: Annotated[str, typer.Option(help="Shares of train, validation and test.")] = "0.7,0.1,0.2",
    top: Annotated[int | None, typer.Option(help="Keep the rows of so many most frequent labels.")] = None,
    name: Annotated[str | None, typer.Option(help="By default the file's; a name that exists gets a new version.")] = None,
    seed: Annotated[int, typer.Option(help="Of a split at random or by group.")] = 0,
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV file, where it is not the comma: ; | or tab.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a labelled file as a dataset, split into train, validation and test.

    The very same content under the same name is not added again.

    Examples:

      versus data add tickets.csv --text body --label queue

      versus data add claims.csv --text narrative --label body_part --split-by accident_date --top 12 --name claims-desk
    """
    from pydantic import ValidationError

    from app.cli.progress import fail
    from app.datasets.schemas import DatasetIn
    from app.errors import Unprocessable, VersusError
    from app.settings import Settings

    given = {"name": name, "text": text, "label": label, "split": split, "split_by": split_by, "fractions": fractions}
    try:
        options = DatasetIn.model_validate({**given, "top": top, "seed": seed, "delimiter": delimiter})
        dataset = _add(file, options, Settings())
    except ValidationError as error:
        wrong = error.errors()[0]
        fail(Unprocessable(f"--{str(wrong['loc'][0]).replace('_', '-')}: {wrong['msg']}, not {wrong['input']!r}."))
    except VersusError as error:
        fail(error)
    _show(dataset, as_json)


@app.command("list")
def list_datasets(limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50, as_json: JsonFlag = False) -> None:
    """List all versions of all datasets, newest first.

    Examples:

      versus data list

      versus data list --limit 5 --json
    """
    from app.datasets import store
    from app.datasets.schemas import DatasetOut

    async def read(session: "Session") -> "list[DatasetOut]":
        found, _ = await store.list_datasets(session, cursor=None, limit=limit)
        return [DatasetOut.of(dataset) for dataset in found]

    datasets = _in_database(read)
    if as_json:
        typer.echo(json.dumps([dataset.model_dump(mode="json") for dataset in datasets], indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table

    table = Table("dataset", "version", "rows", "labels", "split", Column("id", no_wrap=True))
    for dataset in datasets:
        split = str(dataset.split.get("strategy", ""))
        table.add_row(dataset.name, str(dataset.version), f"{dataset.rows:,}", str(len(dataset.labels)), split, dataset.id)
    Console().print(table)


@app.command()
def show(dataset: Annotated[str, typer.Argument(help="name (its newest version) or id")], as_json: JsonFlag = False) -> None:
    """Show a dataset: where it is from, its splits and labels, and what was noted when it was read.

    Examples:

      versus data show claims-desk

      versus data show claims-desk --json
    """
    from app.datasets import store
    from app.datasets.schemas import DatasetOut

    async def read(session: "Session") -> "DatasetOut":
        return DatasetOut.of(await store.find_dataset(session, dataset))

    _show(_in_database(read), as_json)


def _add(file: Path, options: "DatasetIn", settings: "Settings") -> "DatasetOut":
    from app.datasets import store
    from app.datasets.ingest import ingest, upload_too_large
    from app.datasets.schemas import DatasetOut

    if file.stat().st_size > settings.max_upload_bytes:
        raise upload_too_large(settings.max_upload_bytes)
    with file.open("rb") as stream:
        ingested = ingest(stream, file.name, options, settings)

    async def create(session: "Session") -> "DatasetOut":
        return DatasetOut.of(await store.create_dataset(session, **vars(ingested)))

    return _in_database(create)


def _in_database(work: "Callable[[Session], Awaitable[T]]") -> T:
    """In one transaction on the migrated database; ends the command where that fails."""
    from app.cli.progress import fail
    from app.database.migrations import upgrade
    from app.database.session import connect, transaction
    from app.errors import VersusError
    from app.settings import Settings

    async def run(url: str) -> T:
        database = connect(url)
        try:
            async with transaction(database) as session:
                return await work(session)
        finally:
            await database.close()

    url = Settings().database
    try:
        upgrade(url)
        return asyncio.run(run(url))
    except VersusError as error:
        fail(error)


def _show(dataset: "DatasetOut", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(dataset.model_dump(mode="json"), indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    typer.echo(f"{dataset.name} version {dataset.version} ({dataset.id}): {dataset.rows:,} rows of {dataset.source}")
    for note in dataset.notes:
        typer.echo(f"- {note}")
    table = Table("label", *dataset.sizes)
    for label in dataset.labels:
        table.add_row(label, *(f"{dataset.counts[split].get(label, 0):,}" for split in dataset.sizes))
    table.add_section()
    table.add_row("all", *(f"{size:,}" for size in dataset.sizes.values()))
    Console(markup=False).print(table)
