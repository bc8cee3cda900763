"""`versus scorecard`: the five reasons for a custom model, measured for a pair through the service."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from app.benchmarks.client import ServiceClient

POLL_S = 0.5


def scorecard(
    general: Annotated[str, typer.Argument(help="Name or name@version.")],
    custom: Annotated[str, typer.Argument(help="Name or name@version.")],
    task: Annotated[str, typer.Option(help="A benchmark task: its test texts are the domain.")],
    run: Annotated[str | None, typer.Option(help="A benchmark run of both on the task; started unless told.")] = None,
    rules_task: Annotated[str, typer.Option(help="A task of requests that rules allow or forbid.")] = "house-rules",
    rules_run: Annotated[str | None, typer.Option(help="A benchmark run of both on it; started unless told.")] = None,
    refusals: Annotated[str, typer.Option(help="Labels of the rules task that refuse, separated by commas.")] = "refuse",
    general_texts: Annotated[
        str | None, typer.Option(help="Dataset of general texts; 40 passages of everyday prose unless told.")
    ] = None,
    limit: Annotated[int, typer.Option(min=10, help="Test cases of a run that is started.")] = 300,
    validation_cases: Annotated[
        int, typer.Option(min=1, help="Of a run that is started: on which the ways to ask general are chosen between.")
    ] = 100,
    texts: Annotated[int, typer.Option(min=10, help="Texts of the domain that are scored.")] = 80,
    price_per_hour: Annotated[
        float | None, typer.Option(help="Of the machine, US dollars, for models without a price per token.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of every sample.")] = 0,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the whole report as Markdown, nothing else.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scorecard as JSON, nothing else.")] = False,
) -> None:
    """Measure five reasons for a custom model: each is supported, refuted or inconclusive; and what generality is kept.

    The reasons: domain data, vocabulary and patterns, the task, control and safety, cost and performance.

    The service must be running, with a worker. Ctrl-C leaves the scorecard going on; it is printed how to follow it.

    Examples:

      versus scorecard general claims --task claims-type

      versus scorecard general claims --task claims-type --run run_0123 --markdown > scorecard.md

      versus scorecard general desk --task tickets --rules-task claims-decision --refusals decline --json
    """
    from rich.console import Console

    from app.cli.progress import fail, print_table
    from app.errors import VersusError
    from app.settings import Settings

    body = {
        "general": general,
        "custom": custom,
        "task": task,
        "run": run,
        "rules_task": rules_task,
        "rules_run": rules_run,
        "refusals": [label.strip() for label in refusals.split(",") if label.strip()],
        "general_texts": general_texts,
        "limit": limit,
        "validation_cases": validation_cases,
        "texts": texts,
        "price_per_hour": price_per_hour,
        "seed": seed,
    }
    console = Console(stderr=as_json or markdown)
    try:
        done = asyncio.run(_measure(url or Settings().api, body, console))
    except VersusError as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(done, indent=2) + "\n")
    if done["status"] != "succeeded":
        sys.stderr.write(f"Scorecard {done['id']} {done['status']}. {done['error'] or ''}\n")
        raise typer.Exit(1)
    if as_json:
        return
    from app.benchmarks.scorecard import render

    if markdown:
        sys.stdout.write(render.to_markdown(done["result"]))
        return
    print_table(render.to_table(done["result"]), console)
    for reason in done["result"]["reasons"]:
        console.print(f"{reason['title']}: {reason['state']}. {reason['why']}", markup=False, highlight=False)
    generality = done["result"]["generality"]
    console.print(f"Retained generality: {generality['state']}. {generality['why']}", markup=False, highlight=False)
    console.print(f"* decides. {done['result']['rule']}", style="dim", markup=False, highlight=False)


async def _measure(url: str, body: dict[str, Any], console: "Console") -> dict[str, Any]:
    from app.benchmarks.client import ServiceClient

    async with ServiceClient(url, patience_s=5) as client:
        started = await client.post("/v1/scorecards", body)
        console.print(f"Scorecard {started['id']}: {url}/v1/scorecards/{started['id']}", style="dim", highlight=False)
        for run in started["config"]["started"]:
            from app.cli.bench import follow

            await follow(client, run, console)
        return await _follow(client, started["id"], console)


async def _follow(client: "ServiceClient", scorecard_id: str, console: "Console") -> dict[str, Any]:
    """Shows the step at work until the scorecard is over; returns it."""
    with console.status("waiting for a worker") as status:
        while True:
            now: dict[str, Any] = await client.get(f"/v1/scorecards/{scorecard_id}")
            if now["status"] not in ("queued", "running"):
                return now
            if step := now["progress"]["step"]:
                status.update(f"{step} ({now['progress']['done']} of {now['progress']['total']} steps done)")
            await asyncio.sleep(POLL_S)
