"""`versus classify`, `compare`, `chat`: ask the models of a running service."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

Url = Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, nothing else.")]
Labels = Annotated[str, typer.Option(help="Labels to choose from, separated by commas.")]
Task = Annotated[str, typer.Option(help="A task whose labels and wording are used (versus bench names them too).")]
Models = Annotated[str, typer.Option(help="Names or name@version, separated by commas.")]


def classify(
    text: Annotated[str, typer.Argument(help="The text; - reads it from standard input.")],
    models: Models = "general",
    labels: Labels = "",
    task: Task = "",
    scoring: Annotated[
        Literal["sum", "mean", "calibrated"],
        typer.Option(help="Labels by log-likelihood, the same per token, or less what they have without a text."),
    ] = "sum",
    best: Annotated[
        bool,
        typer.Option("--best", help="Find only the best label, which is faster with many; tells bounds, no probabilities."),
    ] = False,
    url: Url = "",
    as_json: JsonFlag = False,
) -> None:
    """Decide which label fits a text, by each model's probability for every label.

    Examples:

      versus classify "a pipe burst and the kitchen is under water" --labels "water damage,fire,theft"

      versus classify - --task claims-type --models general,claims < claim.txt
    """
    from rich.console import Console
    from rich.table import Table

    from app.cli.progress import add_row

    asked = {"scoring": scoring, "probabilities": not best}
    body = {"models": _names(models), "input": _text(text), **asked, **_choice(labels, task)}
    answer = post(url, "/v1/classify", body)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    table = Table("model", "label", "probability", "margin", "label mass", "ms")
    for result in answer["results"]:
        if bounds := result["bounds"]:
            numbers = (_between(bounds["probability"]), "-", _between(bounds["label_mass"]))
        else:
            likely = result["probabilities"][result["label"]]
            numbers = (f"{likely:.3f}", f"{result['margin']:.3f}", f"{result['label_mass']:.3f}")
        add_row(
            table, f"{result['model']}@{result['version']}", result["label"], *numbers, f"{result['timing']['total_ms']:.0f}"
        )
    Console(markup=False).print(table)


def _between(bounds: "tuple[float, float]") -> str:
    low, high = (f"{bound:.3f}" for bound in bounds)
    return low if low == high else f"{low} to {high}"


def compare(
    text: Annotated[str, typer.Argument(help="The prompt, or with --task or --labels the text to decide; - reads it.")],
    models: Models = "general",
    labels: Labels = "",
    task: Task = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 64,
    temperature: Annotated[float, typer.Option(min=0, help="0 takes the likeliest token.")] = 0.0,
    url: Url = "",
    as_json: JsonFlag = False,
) -> None:
    """Give one input to several models and show their answers side by side; the comparison is logged.

    Examples:

      versus compare "What is a deductible?" --models general,claims

      versus compare - --task claims-type --models general,claims < claim.txt
    """
    from rich.console import Console
    from rich.table import Table

    from app.cli.progress import add_row

    if task or labels:
        body = {"models": _names(models), "input": _text(text), **_choice(labels, task)}
    else:
        messages = [{"role": "user", "content": _text(text)}]
        body = {"models": _names(models), "messages": messages, "max_tokens": max_tokens, "temperature": temperature}
    answer = post(url, "/v1/compare", body)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    table = Table("model", "answer", "ms")
    for output in answer["outputs"]:
        said = output["error"]["message"] if output["error"] else output["label"] or output["text"]
        time = "" if output["error"] else f"{output['timing']['total_ms']:.0f}"
        add_row(table, output["model"], said, time)
    console = Console(markup=False)
    console.print(table)
    console.print(f"Logged as {answer['id']}.", highlight=False)


def chat(
    model: Annotated[str, typer.Option(help="name or name@version")] = "general",
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 128,
    temperature: Annotated[float, typer.Option(min=0, help="0 takes the likeliest token.")] = 0.0,
    url: Url = "",
) -> None:
    """Talk with a model, line by line; an empty line or Ctrl-D ends it.

    Examples:

      versus chat

      echo "Name three colours." | versus chat --model general
    """
    turns: list[dict[str, str]] = []
    while line := _line():
        turns.append({"role": "user", "content": line})
        body = {"model": model, "messages": turns, "max_tokens": max_tokens, "temperature": temperature}
        said = post(url, "/v1/chat/completions", body)["choices"][0]["message"]["content"]
        turns.append({"role": "assistant", "content": said})
        typer.echo(said)


def _line() -> str:
    if sys.stdin.isatty():
        sys.stdout.write("> ")
        sys.stdout.flush()
    return sys.stdin.readline().strip()


def _text(given: str) -> str:
    return sys.stdin.read().strip() if given == "-" else given


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _choice(labels: str, task: str) -> dict[str, Any]:
    return ({"labels": _names(labels)} if labels else {}) | ({"task": task} if task else {})


def post(url: str, path: str, body: "Mapping[str, Any] | None" = None) -> Any:
    """The answer; ends the command with 2 and the service's sentence where there is none."""
    from app.benchmarks.client import ServiceClient
    from app.cli.progress import fail
    from app.errors import VersusError
    from app.settings import Settings

    async def ask() -> Any:
        async with ServiceClient(url or Settings().api, patience_s=2) as client:
            return await client.post(path, body)

    try:
        return asyncio.run(ask())
    except VersusError as error:
        fail(error)
