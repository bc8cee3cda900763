"""`versus methods`: which of the five training methods does best on a team's own labels."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.benchmarks.curve.run import Curve


def methods(
    dataset: Annotated[str, typer.Argument(help="Name or id of a dataset (versus data list), or a built-in task.")],
    only: Annotated[
        str | None, typer.Option("--methods", help="Of lora, full, instruct, vocabulary and scratch, separated by commas.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Whose instruction and labels the general model is told; by default the dataset's own."),
    ] = None,
    base: Annotated[str, typer.Option(help="The model that custom ones are made from.")] = "general",
    general: Annotated[str | None, typer.Option(help="The general model compared with; by default the base.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Times that each model is trained.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, help="Wall clock of each training.")] = 10.0,
    epochs: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Times that each training sees its rows, fewer where the minutes end; by default 4, more where rows are few.",
        ),
    ] = None,
    options: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of training options (epochs, dropout, ..): at its top for every method, in a table [lora] for one.",
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option(help="Train the best on validation anew on validation rows too, as the baseline is, and compare that."),
    ] = True,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many test cases (a stratified sample); by default all.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the numbers; by default one in the data folder.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and what is known; measure nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON, nothing else.")] = False,
) -> None:
    """Train by each method on all labels, and set them beside the general model and the classical baselines on the same test.

    The method that does best on validation is trained once more on validation rows too, as the baseline is, and compared with
    the others. Needs no running service. The dataset's own split is kept. What is measured is kept: the same command goes on
    where Ctrl-C or a crash ended it. Models made on the way are thrown away; versus train makes one to keep.

    Examples:

      versus methods claims

      versus methods claims --methods lora,scratch --minutes 2 --limit 500 --out which

      versus methods claims --options claims.toml
    """
    from app.benchmarks.curve.methods import Refit, build_summary, refit_of_best
    from app.benchmarks.curve.methods_report import to_table, write
    from app.benchmarks.curve.written import prepare
    from app.cli.curve_bar import measure
    from app.cli.progress import fail, print_table
    from app.errors import VersusError
    from app.settings import Settings
    from app.training.errors import TrainingStopped

    settings = Settings()
    try:
        curves = _curves(settings, dataset, only, task, base, general or base, seeds, minutes, epochs, options, limit)
        if dry_run:
            _show_plan(curves, refit, as_json)
            return
        folder = out or settings.data_dir / "methods" / curves[0].study.dataset
        prepare(folder)
        known = [measure(curve) for curve in curves]
        again = refit_of_best(curves, known) if refit else None
        summary = build_summary(curves, known, Refit(again, measure(again)) if again else None)
        paths = write(summary, folder)
    except TrainingStopped as error:
        typer.echo(f"Stopped: {error.message}. What was measured so far is kept.", err=True)
        raise typer.Exit(130) from None
    except VersusError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    from rich.console import Console

    print_table(to_table(summary), Console())
    typer.echo("\n" + "\n".join(f"{path}" for path in paths))


def _curves(
    settings: Any,
    dataset: str,
    only: str | None,
    task: str | None,
    base: str,
    general: str,
    seeds: int,
    minutes: float,
    epochs: float | None,
    options: Path | None,
    limit: int | None,
) -> list["Curve"]:
    """One for each method. Raises InvalidRequest for a method that there is not, and what the
    options, a study and a curve raise."""
    from app.benchmarks.curve.data import read_study
    from app.benchmarks.curve.methods import METHODS
    from app.benchmarks.curve.options import read_options
    from app.benchmarks.curve.run import Curve
    from app.catalog.catalog import Catalog
    from app.database.migrations import upgrade
    from app.errors import InvalidRequest

    asked = [name.strip() for name in only.split(",")] if only is not None else list(METHODS)
    for name in asked:
        if name not in METHODS:
            raise InvalidRequest(f"There is no method {name!r}; --methods takes {', '.join(METHODS)}, separated by commas.")
    said = {} if options is None else read_options(options)
    chosen = [method for method in METHODS if method in asked]
    upgrade(settings.database)
    study = asyncio.run(
        read_study(settings.database, dataset, task=task, sizes="all", seeds=seeds, limit=limit, own_split=True)
    )
    catalog = Catalog([settings.models_dir, settings.made_models_dir])
    return [
        Curve(
            study,
            method=method,
            base=catalog.find(base),
            general=catalog.find(general),
            settings=settings,
            minutes=minutes,
            options=said.get(method, {}) | ({} if epochs is None else {"epochs": epochs}),
        )
        for method in chosen
    ]


def _show_plan(curves: list["Curve"], refit: bool, as_json: bool) -> None:
    from app.benchmarks.curve.methods import refit_of_best
    from app.cli.curve_bar import duration

    study = curves[0].study
    part = study.subset(study.sizes[-1], 0)
    arms: dict[str, int] = {}
    known = [curve.known() for curve in curves]
    for curve, found in zip(curves, known, strict=True):
        for arm in curve.arms:
            arms[arm.name] = sum(point.kind == arm.kind for point in found)
    trainings = sum(study.seeds - arms[curve.arms[-1].name] for curve in curves)
    minutes = trainings * (curves[0].minutes or 0.0)
    if refit and part.held_out:
        # Which one it is of is known once all are measured.
        again = None if trainings else refit_of_best(curves, known)
        name = again.arms[-1].name if again else "custom (the best on validation, refit)"
        arms[name] = sum(point.kind == "custom" for point in again.known()) if again else 0
        trainings += study.seeds - arms[name]
        minutes += (study.seeds - arms[name]) * (curves[0].minutes or 0.0) * len(part.cases) / len(part.train)
    plan = {
        "dataset": study.dataset,
        "classes": len(study.labels),
        "learned_from": len(part.train),
        "chosen_on": len(part.held_out),
        "test_cases": len(study.test),
        "seeds": study.seeds,
        "base": curves[0].base.id,
        "general": curves[0].general.id,
        "arms": [{"arm": name, "points": study.seeds, "measured": measured} for name, measured in arms.items()],
        "trainings_left": trainings,
        "training_minutes_left_at_most": round(minutes, 1),
        "notes": list(study.notes),
    }
    if as_json:
        typer.echo(json.dumps(plan, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    typer.echo(
        f"{study.dataset}: {len(study.labels)} classes, learned from {len(part.train):,} rows, chosen on "
        f"{len(part.held_out):,}, tested on {len(study.test):,}, seeds: {study.seeds}; from {curves[0].base.id} against "
        f"{curves[0].general.id}."
    )
    table = Table("arm", "points", "measured before")
    for name, measured in arms.items():
        table.add_row(name, f"{study.seeds:,}", f"{measured:,}")
    Console().print(table)
    for note in study.notes:
        typer.echo(f"- {note}")
    left = duration(60 * minutes)
    typer.echo(f"Trainings left: {trainings:,}, at most {left} of training, then the test is asked.")
