"""`versus report`: a run's report as a file or on the terminal."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.progress import fail

Format = Literal["html", "md", "json", "csv", "pack", "pack-md"]

ENDINGS = {"html": "html", "md": "md", "json": "json", "csv": "csv", "pack": "html", "pack-md": "md"}
PAGES = ("html", "pack")  # written to a file even without --out: nobody reads them on a terminal


def report(
    run: Annotated[str, typer.Argument(help="Id of a run that succeeded (GET /v1/runs lists all).")],
    format: Annotated[Format, typer.Option(help="pack: the model-risk pack as a page; pack-md: as Markdown.")] = "html",
    out: Annotated[Path | None, typer.Option(help="The file; else RUN.html here for pages, the terminal for the rest.")] = None,
    examples: Annotated[int, typer.Option(min=0, max=50, help="Texts of so many cases of each kind; 0 shows no text.")] = 5,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Open the file when it is written.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Where it was written, as JSON; with no file, the numbers.")] = False,
) -> None:
    """Write the report of a run: the verdict first, then every number with its interval, pictures, cases to look at.

    The service must be running. The file appears whole or not at all, and none is written over without --force.

    Examples:

      versus report run_01k --open

      versus report run_01k --format pack --out reports/claims-risk.html

      versus report run_01k --format md --examples 0
    """
    from app.cli.runs import require_free
    from app.errors import VersusError
    from app.settings import Settings

    if as_json and out is None and format not in PAGES:
        format = "json"
    file = out or (Path(f"{_name(run, format)}.{ENDINGS[format]}") if format in PAGES or open_it else None)
    try:
        if file is not None:
            require_free(file, "--out", force)
        text = asyncio.run(_fetch(url or Settings().api, run, format, examples))
        if file is not None:
            _write(file, text)
    except VersusError as error:
        fail(error)
    if file is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    told = {"run": run, "format": format, "file": str(file), "bytes": len(text.encode())}
    typer.echo(json.dumps(told, indent=2) if as_json else f"{file}")
    if open_it:
        typer.launch(str(file.absolute()))


def _name(run: str, format: Format) -> str:
    """Of the file; an id is plain, but what a caller types may be anything."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in run)
    return f"{plain}-pack" if format.startswith("pack") else plain


async def _fetch(url: str, run: str, format: Format, examples: int) -> str:
    from urllib.parse import quote

    from app.benchmarks.client import ServiceClient

    async with ServiceClient(url, patience_s=5) as client:
        answer = await client.get(f"/v1/runs/{quote(run, safe='')}/report", format=format, examples=str(examples))
    return answer if isinstance(answer, str) else json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def _write(file: Path, text: str) -> None:
    from app.benchmarks.curve.written import put

    put(file.parent, {file.name: text})
