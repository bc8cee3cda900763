"""`versus models`: what is in the catalog, and the recipe of the general model in the box."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.progress import add_row, fail, training_bar
from app.errors import VersusError

if TYPE_CHECKING:
    from app.catalog.catalog import Catalog, ModelVersion

app = typer.Typer(no_args_is_help=True, help="The models in the catalog: list, show, add, build.")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command("list")
def list_models(
    as_json: JsonFlag = False, all_versions: Annotated[bool, typer.Option("--all", help="Every version.")] = False
) -> None:
    """List the models: general ones first, the newest version of each.

    Examples:

      versus models list

      versus models list --all --json
    """
    catalog = _catalog()
    versions = catalog.versions() if all_versions else catalog.latest()
    if as_json:
        typer.echo(json.dumps([_as_json(version) for version in versions], indent=2))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("model", "kind", "method", "made from", "tasks", "parameters", "weights")
        for version in versions:
            card = version.card
            tasks = ", ".join(task.name for task in card.tasks)
            size = f"{version.bytes / 2**20:.1f} MiB"
            add_row(table, version.id, card.kind, card.method, card.parent, tasks, f"{card.parameters:,}", size)
        Console().print(table)
    for reason in catalog.broken.values():
        typer.echo(f"left out: {reason}", err=True)


@app.command()
def show(model: Annotated[str, typer.Argument(help="name or name@version")], as_json: JsonFlag = False) -> None:
    """Show a model's card: lineage, recipe, data, validation.

    Examples:

      versus models show general

      versus models show claims@2 --json
    """
    from app.catalog.cards import to_toml

    try:
        version = _catalog().find(model)
    except VersusError as error:
        fail(error)
    found = _as_json(version)
    typer.echo(json.dumps(found, indent=2) if as_json else to_toml(found).rstrip())


@app.command()
def build(
    data: Annotated[Path, typer.Option(help="Folder that holds general_corpus/ and general_instructions/.")] = Path(
        "../shared/data"
    ),
    out: Annotated[Path, typer.Option(help="Where the model goes; an older one there is replaced at the end.")] = Path(
        "models/general"
    ),
    tokens: Annotated[int | None, typer.Option(min=10_000, help="Tokens to train on.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Train on as many tokens as fit, instead of --tokens.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same model.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Make the general model in the box (half an hour on two cores). Ctrl-C keeps the checkpoints: run it again to go on.

    Examples:

      versus models build

      versus models build --minutes 3 --out /tmp/general
    """
    from app.settings import Settings
    from app.training.general import GeneralRecipe, build_general

    recipe = GeneralRecipe(seed=seed, **({} if tokens is None else {"tokens": tokens}))
    work = Settings().data_dir / "work" / f"{recipe.name}-{seed}-{minutes or recipe.tokens}"
    try:
        with training_bar() as bar:
            card = build_general(recipe, data, out, work, minutes=minutes, on_progress=bar.update, on_stage=bar.say)
    except VersusError as error:
        fail(error)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. The checkpoints stay in {work}; the same command goes on from there.", err=True)
        raise typer.Exit(130) from None
    typer.echo(json.dumps(card.model_dump(mode="json")) if as_json else f"{card.id} is in {out}: {card.made.validation}")


def _catalog() -> "Catalog":
    from app.catalog.catalog import Catalog
    from app.settings import Settings

    settings = Settings()
    return Catalog([settings.models_dir, settings.made_models_dir])


def _as_json(version: "ModelVersion") -> dict[str, Any]:
    card = version.card.model_dump(mode="json", exclude_none=True)
    return {"id": version.id, "digest": version.digest, "bytes": version.bytes, "folder": str(version.folder)} | card
