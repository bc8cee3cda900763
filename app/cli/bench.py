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
        str | None,
        typer.Option(help="What needs no language model, beside them: by default those of the task's kind; empty: none."),
    ] = None,
    few_shot: Annotated[bool, typer.Option(help="General models also with examples from the training split.")] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many test cases (a stratified sample).")] = None,
    repeats: Annotated[int | None, typer.Option(min=0, help="Fresh sampled calls per consistency case.")] = None,
    consistency_cases: Annotated[int, typer.Option(min=0, help="Cases that are repeated and reworded.")] = 60,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests in flight while throughput is measured.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of every sample and every sampled call.")] = 0,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities/--best-only", help="Of every label, or only the best label: faster where labels are many."
        ),
    ] = True,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Start nothing: tell calls, tokens, time and money, from a few cases asked.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON, nothing else.")] = False,
) -> None:
    """Compare models on a task: accuracy and macro-F1 (or the scores of its kind), consistency, latency, and a verdict.

    The service must be running, with a worker. Ctrl-C leaves the run going on; it is printed how to follow it. Ends with 1 when
    the run or one of its models failed, with 2 when it could not begin.

    Examples:

      versus bench claims-type --models general,claims

      versus bench claims-type --models general,claims --limit 100 --json

      versus bench claims-type --models general,claims --dry-run

      versus bench claims-questions --models general --limit 20
    """
    from rich.console import Console

    from app.cli.progress import fail
    from app.errors import VersusError
    from app.settings import Settings

    body = {
        "models": _names(models),
        "baselines": None if baselines is None else _names(baselines),
        "few_shot": few_shot,
        "limit": limit,
        "repeats": repeats,
        "consistency_cases": consistency_cases,
        "concurrency": concurrency,
        "probabilities": probabilities,
        "seed": seed,
    }
    console = Console(stderr=as_json)
    try:
        if dry_run:
            estimate = asyncio.run(_estimate(url or Settings().api, task, body))
            sys.stdout.write((json.dumps(estimate, indent=2) if as_json else estimate_text(estimate)) + "\n")
            return
        run = asyncio.run(_bench(url or Settings().api, task, body, console))
    except VersusError as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(run, indent=2) + "\n")
    if run["status"] != "succeeded":
        sys.stderr.write(f"Run {run['id']} {run['status']}. {run['error'] or ''}\n")
        raise typer.Exit(1)
    if not as_json:
        from app.benchmarks.report import to_table
        from app.cli.progress import print_table

        print_table(to_table(run["summary"]), console)
    if failed := [row for row in run["summary"]["rows"] if row.get("failure")]:
        sys.stderr.write("".join(f"{row['arm']}: {row['failure']}\n" for row in failed))
        raise typer.Exit(1)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


async def _estimate(url: str, task: str, body: "dict[str, Any]") -> "dict[str, Any]":
    from app.benchmarks.client import ServiceClient

    async with ServiceClient(url, patience_s=5, timeout_s=600) as client:
        return dict(await client.post(f"/v1/benchmarks/{task}/runs/estimate", body))


def estimate_text(estimate: "dict[str, Any]") -> str:
    """An estimate for people, a line for each arm."""
    lines = [
        f"{estimate['task']}: {estimate['test_cases']:,} test and {estimate['validation_cases']:,} validation cases of "
        f"{estimate['dataset']}; {estimate['calls']:,} calls"
    ]
    for arm in estimate["arms"]:
        tokens = [f"{_between(arm[f'{what}_tokens'])} {what} tokens" for what in ("prompt", "answer") if arm[f"{what}_tokens"]]
        seconds = [f"about {_between(arm['seconds'])} s"] if arm["seconds"] else []
        money = [f"{_between(arm['money'], 2)} {arm['currency']}"] if arm["money"] else []
        parts = [f"{arm['calls']:,} calls", *tokens, *seconds, *money]
        lines.append(f"  {arm['arm']}: {', '.join(parts)}")
        lines += [f"    {note}" for note in arm["notes"]]
    if estimate["seconds"]:
        lines.append(f"In all about {_between(estimate['seconds'])} s.")
    return "\n".join([*lines, *estimate["notes"], "Nothing was started."])


def _between(numbers: "dict[str, float]", digits: int = 0) -> str:
    low, high = (f"{numbers[end]:,.{digits}f}" for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"


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
