"""`versus train`: makes a variant through the service and shows how it goes."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.benchmarks.client import ServiceClient

POLL_S = 0.5


def train(
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe in TOML; the other options are then not needed.", exists=True, dir_okay=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the variant; a name that exists gets a new version.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Name or id of the texts with labels, fields or answers (versus data list).")
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option(help="scratch, vocabulary: a dataset whose texts are read before the task as well; may be repeated."),
    ] = None,
    method: Annotated[
        Literal["auto", "lora", "full", "instruct", "vocabulary", "scratch"],
        typer.Option(help="auto takes lora or full, what validation prefers; scratch and vocabulary read the texts first."),
    ] = "auto",
    base: Annotated[str, typer.Option(help="The model that it is made from.")] = "general",
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Wall clock that the training fits into.")] = None,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit", help="Once validation has chosen the weights, train anew on training and validation rows together."
        ),
    ] = False,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Start nothing: tell rows, tokens, padding, steps, memory, disk, minutes.")
    ] = False,
    gpu: Annotated[bool, typer.Option("--gpu", help="Only a worker with a GPU may take it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the finished run as JSON, nothing else.")] = False,
) -> None:
    """Make a custom model from a dataset. The service must be running, with a worker.

    The very same training is not done again. Ctrl-C leaves it going on: POST /v1/training-runs/{id}/cancel ends it.

    Examples:

      versus train --name tickets --dataset tickets --method lora

      versus train --name summaries --dataset visits --minutes 10 --refit

      versus train --recipe claims.toml --json

      versus train --recipe claims.toml --dry-run
    """
    from rich.console import Console

    from app.benchmarks.client import ServiceClient
    from app.cli.progress import fail
    from app.errors import SetupError, VersusError
    from app.settings import Settings

    async def run() -> dict[str, Any]:
        async with ServiceClient(url or Settings().api, patience_s=5) as client:
            if dry_run:
                return dict(await client.post("/v1/training-runs/estimate", body))
            return await follow_training(client, await client.post("/v1/training-runs", body))

    try:
        if recipe is not None:
            body = _from_file(recipe)
        elif name and dataset:
            options = {} if minutes is None else {"minutes": minutes}
            body = {"name": name, "method": method, "base": base, "tasks": [{"name": dataset, "dataset": dataset}]}
            body |= {"options": options, "texts": texts or []}
        else:
            raise SetupError("Name the variant and its data with --name and --dataset, or give a --recipe.")
        body |= {"gpu": gpu}
        body["options"] |= {"refit": True} if refit else {}
        done = asyncio.run(run())
    except VersusError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps(done, indent=2))
    if dry_run:
        if not as_json:
            typer.echo(estimate_text(done))
        raise typer.Exit(2 if done["refused"] else 0)
    if done["status"] != "succeeded":
        sys.stderr.write(f"The training {done['status']}: {done['error'] or done['id']}\n")
        raise typer.Exit(1)
    if not as_json:
        if cut := done["progress"].get("rows_left_out"):
            Console().print(f"{cut:,} rows are longer than the context and taught it nothing.", highlight=False)
        Console().print(f"{done['model']} is made; it serves now.", highlight=False)


def estimate_text(estimate: "Mapping[str, Any]") -> str:
    """An estimate for people, a line for each thing."""
    from app.training.room import told

    lines = [
        f"{task['name']}: {task['train']:,} training and {task['validation']:,} validation rows {_answered(task)}; "
        f"{task['left_out']:,} rows are longer than {estimate['context']:,} tokens and are left out"
        for task in estimate["tasks"]
    ]
    read = f", after {estimate['language_tokens']:,} tokens of reading" if estimate["language_tokens"] else ""
    again = f", of which the refit takes at most {estimate['refit_tokens']:,}" if estimate["refit_tokens"] else ""
    lines.append(
        f"tokens: {estimate['tokens']:,} in {estimate['steps']:,} steps, {estimate['padding']:.1%} padding{again}{read}"
    )
    minutes = estimate["minutes"]
    lines.append("time: not known before a training of this kind" if minutes is None else f"time: about {minutes:.1f} minutes")
    for what in ("memory", "disk"):
        free = estimate[f"{what}_free_bytes"]
        there = "unknown how much is free" if free is None else f"{told(free)} free"
        lines.append(f"{what}: about {told(estimate[f'{what}_bytes'])}, {there}")
    return "\n".join([*lines, estimate["refused"] or "It fits; nothing was started."])


def _answered(task: "Mapping[str, Any]") -> str:
    match task["kind"]:
        case "extraction":
            return f"of {len(task['fields'])} fields ({', '.join(task['fields'])})"
        case "text_to_text":
            return "of texts and their answers"
        case _:
            return f"of {task['labels']} labels"


async def follow_training(client: "ServiceClient", run: "Mapping[str, Any]") -> dict[str, Any]:
    """Shows a bar until the run is over; returns the run."""
    from app.cli.progress import training_bar
    from app.training.progress import Progress

    over = ("succeeded", "failed", "cancelled")
    if run["status"] not in over:
        with training_bar() as bar:
            said = None
            while run["status"] not in over:
                waits = run["waiting"] or "waiting for a worker"
                if run["status"] == "queued" and waits != said:
                    bar.say(waits)
                    said = waits
                if run["progress"]:
                    bar.update(Progress(**run["progress"]))
                await asyncio.sleep(POLL_S)
                run = await client.get(f"/v1/training-runs/{run['id']}")
    return dict(run)


def _from_file(path: Path) -> dict[str, Any]:
    """A recipe as the body of a training run."""
    from app.training.recipe import Options, read_recipe

    recipe = read_recipe(path).model_dump(mode="json", exclude_unset=True)
    options = {name: recipe.pop(name) for name in Options.model_fields if name in recipe}
    return recipe | {"options": options}
