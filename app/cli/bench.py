"""`versus bench`: runs a benchmark through the service and shows the table and the verdict."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.benchmarks.client import ServiceClient

POLL_S = 0.5


def bench(
    task: Annotated[str, typer.Argument(help="A benchmark task (GET /v1/benchmarks lists all).")],
    models: Annotated[str, typer.Option(help="Names or name@version, separated by commas.")] = "general",
    baselines: Annotated[
        str, typer.Option(help="Classical classifiers beside them; empty for none.")
    ] = "majority,tfidf-logistic",
    few_shot: Annotated[bool, typer.Option(help="General models also with examples from the training split.")] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many test cases (a stratified sample).")] = None,
    repeats: Annotated[int | None, typer.Option(min=0, help="Fresh sampled calls per consistency case.")] = None,
    consistency_cases: Annotated[int, typer.Option(min=0, help="Cases that are repeated and reworded.")] = 60,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests in flight while throughput is measured.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of every sample and every sampled call.")] = 0,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON, nothing else.")] = False,
) -> None:
    """Compare models on a task: accuracy, macro-F1, consistency, latency, and a verdict.

    The service must be running, with a worker. Ctrl-C leaves the run going on; it is printed how to follow it.

    Examples:

      versus bench claims-type --models general,claims

      versus bench claims-type --models general,claims --limit 100 --json
    """
    from rich.console import Console

    from app.errors import VersusError
    from app.settings import Settings

    body = {
        "models": _names(models),
        "baselines": _names(baselines),
        "few_shot": few_shot,
        "limit": limit,
        "repeats": repeats,
        "consistency_cases": consistency_cases,
        "concurrency": concurrency,
        "seed": seed,
    }
    console = Console(stderr=as_json)
    try:
        run = asyncio.run(_bench(url or Settings().api, task, body, console))
    except VersusError as error:
        sys.stderr.write(f"{error.message}\n")
        raise typer.Exit(1) from error
    if as_json:
        sys.stdout.write(json.dumps(run, indent=2) + "\n")
    if run["status"] != "succeeded":
        sys.stderr.write(f"Run {run['id']} {run['status']}. {run['error'] or ''}\n")
        raise typer.Exit(1)
    if not as_json:
        from app.benchmarks.report import to_table
        from app.cli.progress import print_table

        print_table(to_table(run["summary"]), console)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


async def _bench(url: str, task: str, body: "dict[str, Any]", console: Any) -> "dict[str, Any]":
    from app.benchmarks.client import ServiceClient

    async with ServiceClient(url, patience_s=5) as client:
        run = await client.post(f"/v1/benchmarks/{task}/runs", body)
        console.print(f"Run {run['id']}: {url}/v1/runs/{run['id']}", style="dim", highlight=False)
        return await follow(client, run["id"], console)


async def follow(client: "ServiceClient", run_id: str, console: Any) -> "dict[str, Any]":
    """Shows a progress bar until the run is over; returns the run."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("waiting for a worker", total=None, left="")

        def show(progress: dict[str, Any]) -> None:
            seconds = progress["seconds_left"]
            left = "" if seconds is None else f"{seconds:.0f} s left"
            bar.update(shown, description=progress["arm"], completed=progress["done"], total=progress["total"], left=left)

        return await until_over(client, run_id, show)


async def until_over(client: "ServiceClient", run_id: str, show: "Callable[[dict[str, Any]], None]") -> "dict[str, Any]":
    """Looks at the run twice a second, calls `show` with its progress, returns it when it is over."""
    while True:
        run: dict[str, Any] = await client.get(f"/v1/runs/{run_id}")
        if run["status"] not in ("queued", "running"):
            return run
        if run["progress"]["arm"]:
            show(run["progress"])
        await asyncio.sleep(POLL_S)
