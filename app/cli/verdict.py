"""`versus verdict`: asks a finished run whether the custom model, the general one or both should be used, and shows why."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType


def verdict(
    run: Annotated[str, typer.Argument(help="Id of a run that succeeded (`versus bench` prints it).")],
    custom: Annotated[str, typer.Option(help="Arm; by default the custom arm that did best on validation.")] = "",
    general: Annotated[str, typer.Option(help="Arm; by default the general arm that did best on validation.")] = "",
    metric: Annotated[
        list[str] | None, typer.Option(help="accuracy, macro_f1 or cost; several are adjusted together (Holm).")
    ] = None,
    margin: Annotated[
        list[str] | None, typer.Option(help="Still not worse: 1pt of accuracy or macro-F1, 20EUR of cost per 1,000 cases.")
    ] = None,
    cost_rule: Annotated[str, typer.Option(help="What makes an arm cheaper: money, latency or bytes.")] = "",
    cost_matrix: Annotated[
        Path | None, typer.Option(help="TOML: currency, wrong, invalid, \\[matrix.GOLD] answered = money.")
    ] = None,
    floor: Annotated[list[str] | None, typer.Option(help="Recall floor: LABEL=SHARE, such as fraud=0.9.")] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(help="ARM=IN/OUT per million tokens, or ARM=N/h for its machine; ARM may be custom or general."),
    ] = None,
    training_cost: Annotated[float | None, typer.Option(min=0, help="Money the training cost in all.")] = None,
    training_per_hour: Annotated[
        float | None, typer.Option(min=0, help="Money per hour of training; hours as in the card.")
    ] = None,
    training_other: Annotated[float, typer.Option(min=0, help="Labels, people: what else is spent once.")] = 0.0,
    currency: Annotated[str, typer.Option(help="Of all prices.")] = "USD",
    cascade: Annotated[bool, typer.Option(help="Try both models together, where validation says it is worth it.")] = True,
    every_pair: Annotated[bool, typer.Option("--every-pair", help="Also all arms of the run against each other.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of every resample.")] = 0,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON, nothing else.")] = False,
) -> None:
    """General, custom, both, or not enough evidence: by a rule that is stated before the numbers.

    The service must be running. Exit code 0 when there is a verdict, whatever it says; 2 when it cannot be given.

    Examples:

      versus verdict run_0123 --margin 1pt --floor fraud=0.9

      versus verdict run_0123 --custom claims --general "general few-shot" --cost-matrix costs.toml --margin 50EUR

      versus verdict run_0123 --price general=3/15 --price custom=1.20/h --training-per-hour 2.50 --json
    """
    from rich.console import Console

    from app.benchmarks.client import ServiceClient
    from app.cli.progress import fail
    from app.errors import VersusError
    from app.settings import Settings

    async def ask(body: "dict[str, Any]") -> "dict[str, Any]":
        async with ServiceClient(url or Settings().api, patience_s=5, timeout_s=600) as client:
            answer: dict[str, Any] = await client.post("/v1/verdicts", body)
            return answer

    training = {"cost": training_cost, "per_hour": training_per_hour, "other": training_other}
    try:
        body = {
            "run": run,
            "custom": custom or None,
            "general": general or None,
            "metrics": metric or [],
            **_margins(margin or []),
            "cost_rule": cost_rule or None,
            "costs": _matrix(cost_matrix) if cost_matrix else None,
            "recall_floors": {name: _number(value, "--floor") for name, value in _pairs(floor or [], "--floor fraud=0.9")},
            "prices": {name: _price(value) for name, value in _pairs(price or [], "--price general=3/15")},
            "training": training if training_other or (training_cost, training_per_hour) != (None, None) else None,
            "currency": currency,
            "cascade": cascade,
            "every_pair": every_pair,
            "seed": seed,
        }
        answer = asyncio.run(ask(body))
    except VersusError as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    else:
        Console(soft_wrap=False).print(_shown(answer))


# ---- What was typed


def _pairs(texts: "list[str]", example: str) -> "list[tuple[str, str]]":
    from app.errors import InvalidRequest

    for text in texts:
        if not text.rpartition("=")[0]:
            raise InvalidRequest(f"{text!r} names nothing; write it like {example}.")
    return [(name, value) for name, _, value in (text.rpartition("=") for text in texts)]


def _number(text: str, what: str) -> float:
    from app.errors import InvalidRequest

    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest(f"{what}: {text!r} is no number.") from error


def _margins(texts: "list[str]") -> "dict[str, float]":
    """1pt, or money with its currency; a bare number or a per cent would leave open what is meant."""
    from app.errors import InvalidRequest

    found: dict[str, float] = {}
    for text in texts:
        amount = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ€$£ ")
        unit = text.strip()[len(amount) :].strip()
        if not unit or "%" in text:
            raise InvalidRequest(f"--margin {text}: say of what, such as 1pt (points of accuracy) or 20EUR (per 1,000 cases).")
        points = unit.lower() in ("pt", "pts", "point", "points", "pp")
        found["margin_points" if points else "margin_money"] = _number(amount, "--margin")
    return found


def _price(text: str) -> "dict[str, float]":
    """3/15: money per million prompt and answer tokens. 1.20/h: money per hour."""
    first, _, second = text.partition("/")
    if second == "h":
        return {"per_hour": _number(first, "--price")}
    return {"input_per_million": _number(first, "--price"), "output_per_million": _number(second or first, "--price")}


def _matrix(path: Path) -> "dict[str, Any]":
    import tomllib

    from app.errors import InvalidRequest

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} is not readable as TOML: {error}.") from error


# ---- What is shown


def _shown(answer: "dict[str, Any]") -> "RenderableType":
    """The rule, the decision for who decides, the numbers for who checks."""
    from rich.console import Group
    from rich.text import Text

    from app.benchmarks.verdict.shown import lines

    verdict = answer["verdict"]
    head = [Text(f"Rule. {verdict['rule']}", style="dim"), Text(), Text(f"Verdict: {answer['decision']}.", style="bold")]
    body = [Text(line) for line in lines(verdict)]
    return Group(*head, Text(answer["sentence"]), Text(), *body, Text(), Text(f"Stored as {answer['id']}.", style="dim"))
