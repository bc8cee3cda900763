"""`versus tasks`: lists benchmark tasks, shows one as TOML, checks a file, adds it, removes one; through the service."""

import asyncio
import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.progress import fail
from app.errors import Unprocessable, VersusError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.benchmarks.client import ServiceClient

app = typer.Typer(no_args_is_help=True, help="Benchmark tasks: list, show, check, add, remove.")

File = Annotated[Path, typer.Argument(help="A task as TOML.", exists=True, dir_okay=False)]
Url = Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

# What the service adds to a definition.
_ADDED = ("origin", "built_in", "version", "sha256")


@app.command("list")
def list_tasks(url: Url = "", as_json: JsonFlag = False) -> None:
    """List all tasks: those that ship with Versus, your own, and each uploaded dataset by itself.

    Examples:

      versus tasks list

      versus tasks list --json
    """
    found = _asked(url, lambda client: client.get("/v1/benchmarks"))["data"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    from app.cli.progress import add_row, print_table

    table = Table("task", "version", "from", "kind", "dataset", "labels", "title")
    for task in found:
        labels, version = str(len(task["labels"]) or ""), str(task["version"] or "")
        add_row(table, task["name"], version, task["origin"], task["kind"], task["dataset"], labels, task["title"])
    print_table(table, Console())


@app.command()
def show(
    task: Annotated[str, typer.Argument(help="name (its newest version) or name@version")],
    url: Url = "",
    as_json: JsonFlag = False,
) -> None:
    """Show a task as TOML, which another file can start from; as JSON with its version and SHA-256.

    Examples:

      versus tasks show claims-type > my-task.toml

      versus tasks show my-task@1 --json
    """
    found = _asked(url, lambda client: client.get(f"/v1/benchmarks/{task}"))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from app.benchmarks.definition import Task
    from app.catalog.cards import to_toml

    definition = Task.model_validate({name: value for name, value in found.items() if name not in _ADDED})
    typer.echo(to_toml(definition.model_dump(mode="json", exclude_defaults=True)), nl=False)


@app.command()
def check(
    file: File,
    model: Annotated[str, typer.Option(help="Whose contexts the texts must fit, separated by commas.")] = "general",
    url: Url = "",
    as_json: JsonFlag = False,
) -> None:
    """Check a task against its data, without adding it: columns, labels without rows, texts over a model's context.

    Ends with 0 where it would be taken, with 2 and the reason where it would be refused.

    Examples:

      versus tasks check my-task.toml

      versus tasks check my-task.toml --model general,claims --json
    """
    names = "&".join(f"model={name.strip()}" for name in model.split(",") if name.strip())
    body = _read(file)
    found = _asked(url, lambda client: client.post(f"/v1/benchmarks/check?{names}", body))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif found["problem"] is None:
        sizes = ", ".join(f"{count:,} {split}" for split, count in found["sizes"].items())
        typer.echo(f"{body['name']}: would be taken{f' ({sizes} cases)' if sizes else ''}")
        for one in found["contexts"]:
            typer.echo(
                f"- longest prompt for {one['model']}: {one['longest']:,} of {one['context']:,} tokens, without examples"
            )
        for note in found["notes"]:
            typer.echo(f"- {note}")
    if found["problem"] is not None:
        sys.stderr.write(f"{found['param']}: {found['problem']}\n")
        raise typer.Exit(2)


@app.command()
def add(file: File, url: Url = "", as_json: JsonFlag = False) -> None:
    """Add a task from a file; a name that exists gets a new version, and the very same definition none.

    Examples:

      versus tasks add my-task.toml

      versus tasks add my-task.toml --json
    """
    body = _read(file)
    made = _asked(url, lambda client: client.post("/v1/benchmarks", body))
    typer.echo(json.dumps(made, indent=2) if as_json else f"{made['name']}@{made['version']} (sha256 {made['sha256'][:12]})")


@app.command()
def data(task: Annotated[str, typer.Argument(help="The name of a task.")], url: Url = "", as_json: JsonFlag = False) -> None:
    """Make the rows of a task that ships with Versus, to look at or to train on; name the dataset that a run would use.

    Examples:

      versus tasks data claims-fields

      versus tasks data house-rules --json
    """
    made = _asked(url, lambda client: client.post(f"/v1/benchmarks/{task}/dataset"))
    if as_json:
        typer.echo(json.dumps(made, indent=2))
        return
    sizes = ", ".join(f"{count:,} {split}" for split, count in made["sizes"].items())
    typer.echo(f"{made['name']} version {made['version']} ({made['id']}), {made['kind']}: {sizes} rows")


@app.command()
def remove(
    task: Annotated[str, typer.Argument(help="The name of one of your tasks.")], url: Url = "", as_json: JsonFlag = False
) -> None:
    """Remove one of your tasks, all versions of it. Runs that are over keep theirs; one that is not over keeps the task.

    Examples:

      versus tasks remove my-task
    """
    _asked(url, lambda client: client.delete(f"/v1/benchmarks/{task}"))
    typer.echo(json.dumps({"removed": task}) if as_json else f"{task} is removed")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(Unprocessable(f"{file.name} is not readable as TOML: {error}."))


def _asked(url: str, call: "Callable[[ServiceClient], Awaitable[Any]]") -> Any:
    """The service's answer; ends the command with its reason where it refuses."""
    from app.benchmarks.client import ServiceClient
    from app.settings import Settings

    async def ask() -> Any:
        async with ServiceClient(url or Settings().api, patience_s=5) as client:
            return await call(client)

    try:
        return asyncio.run(ask())
    except VersusError as error:
        fail(error)
