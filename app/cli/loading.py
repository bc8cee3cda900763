"""`versus models load`, `unload`: a version's weights into the memory of a running service, and out of it."""

import json
from typing import Annotated
from urllib.parse import quote

import typer

from app.cli.ask import Url, post

Model = Annotated[str, typer.Argument(help="name or name@version")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def load(model: Model, url: Url = "", as_json: JsonFlag = False) -> None:
    """Bring a version's weights into memory, so that no later request waits for them. The service must be running.

    Examples:

      versus models load claims

      versus models load claims@2 --json
    """
    _told(model, "load", url, as_json)


def unload(model: Model, url: Url = "", as_json: JsonFlag = False) -> None:
    """Free the memory of a version once its running requests have ended; a later request loads it again.

    Examples:

      versus models unload claims@1
    """
    _told(model, "unload", url, as_json)


COMMANDS = (load, unload)


def _told(model: str, what: str, url: str, as_json: bool) -> None:
    answer = post(url, f"/v1/models/{quote(model, safe='@')}/{what}")
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    elif answer["status"] == "loaded":
        typer.echo(
            f"{answer['id']} is in memory." if what == "load" else f"{answer['id']} was asked for again and is in memory."
        )
    else:
        typer.echo(f"{answer['id']} is not in memory; the next request for it loads it.")
