"""`versus demo`: from nothing to a measured verdict, general against custom, through the real service."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="A labelled CSV, TSV or JSON Lines file; by default the built-in claims.", exists=True, dir_okay=False
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="With --data: column that holds the text.")] = None,
    label: Annotated[str | None, typer.Option(help="With --data: column that holds the label.")] = None,
    split_by: Annotated[
        str | None, typer.Option(help="With --data: column of dates (train on earlier, test on later) or of groups.")
    ] = None,
    top: Annotated[int | None, typer.Option(min=2, help="With --data: keep so many most frequent labels.")] = None,
    tasks: Annotated[
        str, typer.Option(help="Without --data: built-in tasks, separated by commas (claims-type, claims-decision).")
    ] = "claims-type",
    name: Annotated[
        str | None, typer.Option(help="Of the custom model; by default claims, or with --data the file's name.")
    ] = None,
    method: Annotated[
        Literal["auto", "lora", "full", "instruct", "vocabulary", "scratch"] | None,
        typer.Option(help="By default lora, or with --data auto: each for a short while, then what validation prefers."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Wall clock that the training fits into.")] = None,
    limit: Annotated[int | None, typer.Option(min=20, help="At most so many test cases per benchmark.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="By default VERSUS_PORT.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure anew, also where the same run is done already.")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="End the service when the verdict is there.")] = False,
) -> None:
    """Train a custom model from the general one, serve both, benchmark them over HTTP, and print the table and the verdict.

    What is done already is not done again: a model whose recipe, base and data are the same, and a benchmark of the same
    models on the same data. Ctrl-C keeps everything; the same command goes on from there. Exit code 0 when there is a verdict.

    Examples:

      versus demo

      versus demo --exit --port 8080

      versus demo --tasks claims-type,claims-decision --minutes 6

      versus demo --data claims.csv --text narrative --label body_part --split-by accident_date --top 12
    """
    from app.cli.progress import fail
    from app.cli.walkthrough import Plan, walk
    from app.errors import SetupError, VersusError
    from app.settings import Settings

    settings = Settings()
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    try:
        if data is None and (text or label or split_by or top):
            raise SetupError("--text, --label, --split-by and --top tell how to read a file; name it with --data.")
        named = tuple(task.strip() for task in tasks.split(",") if task.strip())
        plan = Plan(data, text, label, split_by, top, name, method, minutes, limit, named)
        walk(plan, settings, again=again, leave=leave)
    except VersusError as error:
        fail(error)
