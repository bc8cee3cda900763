"""`versus models` for versions: export and import, promote and roll back, aliases, delete."""

import asyncio
import getpass
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.progress import add_row, fail
from app.errors import VersusError

if TYPE_CHECKING:
    from app.catalog.aliases import Decision
    from app.catalog.catalog import Catalog
    from app.settings import Settings

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def export(
    model: Annotated[str, typer.Argument(help="name or name@version")],
    to: Annotated[Path, typer.Option(help="A new folder.")],
    merged: Annotated[
        bool, typer.Option("--merged", help="A LoRA variant as one full model, its update in the weights.")
    ] = False,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"],
        typer.Option(help="Of merged weights; two bytes each take half the disk and round the update."),
    ] = "float32",
    as_json: JsonFlag = False,
) -> None:
    """Write a version as a plain Hugging Face folder: transformers reads a full model, PEFT an adapter.

    Examples:

      versus models export claims@2 --to exported/claims

      versus models export claims --to exported/claims-merged --merged --dtype bfloat16
    """
    try:
        version = _catalog().find(model)
        differs: float | None = None
        if merged:
            from app.training.merge import export_merged

            differs = export_merged(version, to, dtype)
        else:
            from app.catalog.exports import export_version

            export_version(version, to)
    except VersusError as error:
        fail(error)
    base = version.base.id if version.base and not merged else None
    if as_json:
        told = {"model": version.id, "digest": version.digest, "folder": str(to), "base": base, "logits_differ": differs}
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(f"{version.id} is in {to}.")
    if base is not None:
        typer.echo(f"It is an adapter of {base}: versus models export {base} writes that, --merged both in one.")
    if differs is not None:
        typer.echo(f"Merged in {dtype}: logits differ from the adapter's by at most {differs:.2g}.")


def import_(
    folder: Annotated[Path, typer.Argument(help="A folder that save_pretrained or versus models export wrote.")],
    name: Annotated[str, typer.Option(help="Of the model; a name that exists gets a new version.")],
    base: Annotated[
        str | None, typer.Option(help="What it was made from; an adapter must stand on a model in the catalog.")
    ] = None,
    kind: Annotated[
        Literal["general", "custom"] | None, typer.Option(help="Else custom where there is a base, general where not.")
    ] = None,
    context: Annotated[int | None, typer.Option(min=1, help="Most tokens, prompt and answer; else what the model can.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take a full model or a PEFT adapter into the catalog. Safetensors only; it is tried out before it gets its name.

    A running service serves it at once.

    Examples:

      versus models import exported/claims --name claims

      versus models import my-lora --name tickets --base general@1
    """
    from app.catalog.catalog import ModelVersion
    from app.catalog.imports import import_model
    from app.settings import Settings

    settings = Settings()

    def try_out(version: ModelVersion) -> None:
        if settings.embedded:
            from app.engines.embedded import trial

            trial.try_out(version, settings)

    try:
        card, _ = import_model(
            folder,
            name,
            _catalog(),
            settings.made_models_dir,
            base=base,
            kind=kind,
            context=context,
            try_out=try_out,
        )
        version = _catalog().find(card.id)
    except VersusError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps({"id": version.id, "digest": version.digest} | card.model_dump(mode="json", exclude_none=True)))
    else:
        on = f" on {version.base.id}" if version.base else ""
        typer.echo(f"{version.id} is in the catalog{on}: {card.parameters:,} parameters, {card.context:,} tokens of context.")


def promote(model: Annotated[str, typer.Argument(help="name@version")], as_json: JsonFlag = False) -> None:
    """From now on the name stands for this version, also when newer ones are made. Running services follow at once.

    Examples:

      versus models promote claims@2
    """
    from app.catalog import promotion

    _decided(lambda catalog, root: promotion.promote(catalog, root, model, _who()), as_json)


def rollback(name: Annotated[str, typer.Argument(help="A model's name, or an alias.")], as_json: JsonFlag = False) -> None:
    """The name stands again for the version before: the one before the last promotion; if none is there, the next lower one.

    Examples:

      versus models rollback claims
    """
    from app.catalog import promotion

    _decided(lambda catalog, root: promotion.roll_back(catalog, root, name, _who()), as_json)


def alias(
    name: Annotated[str, typer.Argument(help="Any name that no other model has.")],
    target: Annotated[str | None, typer.Argument(help="name@version; a name means the version that it stands for now.")] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="The name stands for nothing; a model's own for its highest version.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let a name stand for a version. Running services follow at once.

    Examples:

      versus models alias production claims@2

      versus models alias production --remove
    """
    from app.catalog import promotion
    from app.errors import Unprocessable

    if remove == (target is not None):
        fail(Unprocessable("Give a TARGET, or --remove."))
    if target is None:
        _decided(lambda catalog, root: promotion.remove_alias(catalog, root, name, _who()), as_json)
    else:
        _decided(lambda catalog, root: promotion.set_alias(catalog, root, name, target, _who()), as_json)


def aliases(as_json: JsonFlag = False) -> None:
    """Every decision on what a name stands for, the latest first.

    Examples:

      versus models aliases
    """
    from app.catalog.aliases import read_decisions
    from app.settings import Settings

    try:
        decisions = read_decisions(Settings().made_models_dir)[::-1]
    except VersusError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps([asdict(decision) for decision in decisions], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "stands for", "before", "decision", "by", "when (UTC)")
    for one in decisions:
        add_row(table, one.name, one.target or "its highest version", one.before, one.action, one.by, one.at)
    Console().print(table)


def remove(
    model: Annotated[str, typer.Argument(help="name@version")],
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Delete one version, unless anything uses it: then all users are named. Its number is not given again.

    A running service is asked, as it knows what is in work; where none answers, the folder is deleted from here.

    Examples:

      versus models remove claims@1
    """
    from app.errors import Unavailable
    from app.settings import Settings

    settings = Settings()
    try:
        try:
            asyncio.run(_delete_there(model, url or settings.api))
        except Unavailable:
            if url:
                raise
            asyncio.run(_delete_here(model, settings))
    except VersusError as error:
        fail(error)
    typer.echo(json.dumps({"id": model, "deleted": True}) if as_json else f"{model} is deleted.")


async def _delete_there(model: str, url: str) -> None:
    from urllib.parse import quote

    from app.benchmarks.client import ServiceClient

    async with ServiceClient(url, patience_s=0) as client:
        await client.delete(f"/v1/models/{quote(model, safe='@')}")


async def _delete_here(model: str, settings: "Settings") -> None:
    from app.database.migrations import upgrade
    from app.database.session import connect
    from app.engines.registry import Engines
    from app.engines.removal import delete_version

    await asyncio.to_thread(upgrade, settings.database)
    database = connect(settings.database)
    try:
        await delete_version(model, settings, _catalog(), Engines(settings), database)
    finally:
        await database.close()


def _decided(decide: "Callable[[Catalog, Path], Decision]", as_json: bool) -> None:
    from app.settings import Settings

    try:
        made = decide(_catalog(), Settings().made_models_dir)
    except VersusError as error:
        fail(error)
    now = made.target or "its highest version, if any"
    was = f" (before: {made.before})" if made.before else ""
    typer.echo(json.dumps(asdict(made), indent=2) if as_json else f"{made.name} stands for {now}{was}.")


def _who() -> str:
    """For the history of decisions."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "command line"


def _catalog() -> "Catalog":
    from app.catalog.catalog import Catalog
    from app.settings import Settings

    settings = Settings()
    return Catalog([settings.models_dir, settings.made_models_dir])
