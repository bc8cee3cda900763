"""`versus export-run`: a run's answers as a file, for a gate without the service, or for another evaluation tool."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def export_run(
    run: Annotated[str, typer.Argument(help="A run's id, or a file that this command wrote.")],
    format: Annotated[str, typer.Option(help="versus (all arms), lm-eval or inspect (one arm).")] = "versus",
    arm: Annotated[str | None, typer.Option(help="By default the run's only custom arm.")] = None,
    to: Annotated[Path | None, typer.Option(help="The file; without it the export is printed.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
) -> None:
    """Write a finished run with its answers as one file: keep it as the baseline of later gates, or read it with other tools.

    Texts of the test cases are in it.

    Examples:

      versus export-run run_1 --to baseline.json

      versus export-run run_1 --format lm-eval --arm desk@1 --to samples_desk.jsonl

      versus export-run baseline.json --format inspect --to samples.jsonl
    """
    from app.cli.progress import fail
    from app.cli.runs import require_free, write
    from app.errors import VersusError

    try:
        if to is not None:
            require_free(to, "--to", force)
        lines = asyncio.run(_lines(run, format, arm, url))
        if to is None:
            sys.stdout.writelines(lines)
            return
        write(to, "".join(lines))
    except VersusError as error:
        fail(error)
    sys.stderr.write(f"Written: {to}\n")


async def _lines(run: str, format: str, arm: str | None, url: str) -> Iterator[str]:
    from app.benchmarks.gate.sides import side
    from app.benchmarks.peers import harness, inspect
    from app.cli.runs import load_run
    from app.errors import InvalidRequest
    from app.settings import Settings

    formats = {"lm-eval": harness.samples, "inspect": inspect.samples}
    if format not in ("versus", *formats):
        raise InvalidRequest(f"{format!r} is no format; choose versus, {' or '.join(formats)}.")
    file = await load_run(run, url or Settings().api)
    if format == "versus":
        return iter([file.model_dump_json() + "\n"])
    file.require_labels(f"{format} samples are")
    samples = formats[format](file, side(file, arm).result.arm)
    return (json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n" for sample in samples)
