"""`versus conformance`: does a server keep the rules by which evaluation clients read it?"""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.benchmarks.conformance import Finding


def conformance(
    url: Annotated[str, typer.Argument(help="Base URL of any OpenAI-compatible server, with or without /v1.")],
    model: Annotated[str | None, typer.Option(help="By default the first that /v1/models lists.")] = None,
    key_env: Annotated[str, typer.Option(help="Environment variable that holds the server's API key.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON, nothing else.")] = False,
) -> None:
    """Check a server, ours or any other, against the contract of lm-evaluation-harness, rule by rule.

    A server that breaks a rule still answers, and evaluations of it come out wrong without a word. Exit code 0 when no rule
    breaks, 1 when one does, 2 when the server cannot be asked.

    Examples:

      versus conformance http://127.0.0.1:8000

      versus conformance http://gpu-host:8000/v1 --model meta-llama/Llama-3.2-1B --key-env VLLM_API_KEY --json
    """
    import os

    import httpx
    from rich.console import Console

    from app.benchmarks.conformance import examine
    from app.cli.progress import fail
    from app.errors import SetupError

    key = os.environ.get(key_env, "") if key_env else ""
    if key_env and not key:
        fail(SetupError(f"{key_env} is not set; set it to the server's API key."))
    console = Console(markup=False, highlight=False)
    marks = {"holds": "ok", "breaks": "BREAKS", "not offered": "-"}

    async def run() -> "list[Finding]":
        found = []
        async for finding in examine(url, model, key=key):
            found.append(finding)
            if not as_json:
                console.print(f"{marks[finding.state]:<7} {finding.rule}: {finding.sentence}")
                if finding.seen:
                    console.print(f"        {finding.seen}")
        return found

    try:
        found = asyncio.run(run())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        fail(SetupError(f"{url} cannot be asked ({type(error).__name__}: {error}); is it the base URL of a server?"))
    broken = [finding for finding in found if finding.state == "breaks"]
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in found], indent=2))
    else:
        held = sum(finding.state == "holds" for finding in found)
        console.print(f"{held} rules hold, {len(broken)} break, {len(found) - held - len(broken)} are not offered.")
    raise typer.Exit(1 if broken else 0)
