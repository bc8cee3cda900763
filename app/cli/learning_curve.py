"""`versus learning-curve`: how many labels a custom model needs to beat the general one and the classical baseline."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from app.benchmarks.curve.run import Curve
    from app.benchmarks.curve.study import Study
    from app.settings import Settings


def learning_curve(
    dataset: Annotated[str, typer.Argument(help="Name or id of a dataset (versus data list), or a built-in task.")],
    task: Annotated[
        str | None,
        typer.Option(help="Whose instruction and labels the general model is told; by default the dataset's own."),
    ] = None,
    base: Annotated[str, typer.Option(help="The model that custom ones are made from.")] = "general",
    general: Annotated[str | None, typer.Option(help="The general model compared with; by default the base.")] = None,
    method: Annotated[
        Literal["full", "lora", "instruct", "vocabulary", "scratch", "auto"],
        typer.Option(help="How custom models are made; auto races lora against full at every point."),
    ] = "full",
    sizes: Annotated[
        str, typer.Option(help="Numbers of labels, separated by commas; all takes every one.")
    ] = "50,100,200,500,all",
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Times that each point is measured, on other labels.")] = 3,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Wall clock of each training; by default no limit.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many test cases (a stratified sample).")] = 500,
    out: Annotated[Path | None, typer.Option(help="Folder of picture and numbers; by default one in the data folder.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and what is known; measure nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON, nothing else.")] = False,
) -> None:
    """Train on 50, 100, 200, ... labels and name the number from which on the custom model wins.

    Needs no running service. Every point is kept: the same command goes on where Ctrl-C or a crash ended it, and one with more
    sizes or seeds measures only those. Models made on the way are thrown away; versus train makes one to keep.

    Examples:

      versus learning-curve claims

      versus learning-curve claims --method lora --sizes 50,100,200 --seeds 2 --minutes 0.5 --out curve

      versus learning-curve claims-type --dry-run
    """
    from app.benchmarks.curve.report import to_table, write
    from app.benchmarks.curve.summary import build_summary
    from app.benchmarks.curve.written import prepare
    from app.cli.curve_bar import measure
    from app.cli.progress import fail, print_table
    from app.errors import VersusError
    from app.settings import Settings
    from app.training.errors import TrainingStopped

    settings = Settings()
    try:
        study = _study(settings, dataset, task, sizes, seeds, limit)
        curve = _curve(settings, study, base, general or base, method, minutes)
        if dry_run:
            _show_plan(curve, as_json)
            return
        folder = out or settings.data_dir / "learning-curves" / f"{study.dataset}-{method}"
        prepare(folder)
        summary = build_summary(curve, measure(curve))
        paths = write(summary, folder)
    except TrainingStopped as error:
        typer.echo(f"Stopped: {error.message}. The points measured so far are kept.", err=True)
        raise typer.Exit(130) from None
    except VersusError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    from rich.console import Console

    print_table(to_table(summary), Console())
    typer.echo("\n" + "\n".join(f"{path}" for path in paths))


def _study(settings: "Settings", dataset: str, task: str | None, sizes: str, seeds: int, limit: int) -> "Study":
    from app.benchmarks.curve.data import read_study
    from app.database.migrations import upgrade

    upgrade(settings.database)
    return asyncio.run(read_study(settings.database, dataset, task=task, sizes=sizes, seeds=seeds, limit=limit))


def _curve(settings: "Settings", study: "Study", base: str, general: str, method: Any, minutes: float | None) -> "Curve":
    from app.benchmarks.curve.run import Curve
    from app.catalog.catalog import Catalog

    catalog = Catalog([settings.models_dir, settings.made_models_dir])
    return Curve(
        study, method=method, base=catalog.find(base), general=catalog.find(general), settings=settings, minutes=minutes
    )


def _show_plan(curve: "Curve", as_json: bool) -> None:
    study, known = curve.study, curve.known()
    left = curve.seconds_left(known)
    arms = [
        {
            "arm": arm.name,
            "points": sum(point.kind == arm.kind for _, point in curve.points),
            "measured": sum(point.kind == arm.kind for point in known),
        }
        for arm in curve.arms
    ]
    rows = []
    for size in study.sizes:
        part, missing = study.subset(size, 0), len(study.missing(size))
        rows.append({"labels": size, "learned_from": len(part.train), "held_out": len(part.held_out), "missing": missing})
    plan = {
        "dataset": study.dataset,
        "task": study.task,
        "classes": len(study.labels),
        "pool": len(study.pool),
        "test_cases": len(study.test),
        "seeds": study.seeds,
        "method": curve.method,
        "base": curve.base.id,
        "general": curve.general.id,
        "sizes": rows,
        "arms": arms,
        "seconds_left": left,
        "notes": list(study.notes),
    }
    if as_json:
        typer.echo(json.dumps(plan, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    from app.cli.curve_bar import duration

    typer.echo(
        f"{study.dataset}: {len(study.labels)} classes, {len(study.pool):,} labels to learn from, {len(study.test):,} test "
        f"cases, seeds: {study.seeds}; {curve.method} from {curve.base.id} against {curve.general.id}."
    )
    table = Table("labels", "learned from", "held out", "classes without a row")
    for row in rows:
        table.add_row(*(f"{number:,}" for number in row.values()))
    Console().print(table)
    table = Table("arm", "points", "measured before")
    for arm in arms:
        table.add_row(str(arm["arm"]), f"{arm['points']:,}", f"{arm['measured']:,}")
    Console().print(table)
    for note in study.notes:
        typer.echo(f"- {note}")
    typer.echo(f"Time: {'known once each kind of point was timed' if left is None else f'about {duration(left)}'}.")
