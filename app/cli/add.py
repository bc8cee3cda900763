"""`versus models add`: a general model from a hub: checked before its weights come, pinned to a commit, whole or not there."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.progress import LINE_S, fail
from app.errors import Conflict, Unprocessable, VersusError

if TYPE_CHECKING:
    from app.catalog.cards import Card
    from app.catalog.hub import HubFile, HubModel
    from app.engines.embedded.outline import Outline
    from app.settings import Settings


def add(
    source: Annotated[str, typer.Argument(help="hf:ORG/NAME, or hf:ORG/NAME@REVISION (a branch, a tag or a commit)")],
    name: Annotated[str | None, typer.Option(help="Its name in the catalog; else the repository's own.")] = None,
    context: Annotated[int | None, typer.Option(min=32, help="Serve fewer tokens than the model can read.")] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read its licence, which is not a permissive one, and accept it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would come; keep nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Add a general model from a hub: safetensors weights only, never code. Run it again after an interruption: it goes on.

    HF_ENDPOINT names another hub, HF_TOKEN an account that may read gated models.

    Examples:

      versus models add hf:Qwen/Qwen2.5-0.5B-Instruct --dry-run

      versus models add hf:Qwen/Qwen2.5-0.5B-Instruct@main --name qwen --context 4096
    """
    from app.settings import Settings

    settings = Settings()
    try:
        told, sentence = _add(source, name, context, accept_licence, dry_run, settings)
    except VersusError as error:
        fail(error)
    except KeyboardInterrupt:
        typer.echo("Stopped. What has come is kept; the same command goes on from there.", err=True)
        raise typer.Exit(130) from None
    typer.echo(json.dumps(told, indent=2) if as_json else sentence)


def _add(
    source: str, name: str | None, context: int | None, accept_licence: bool, dry_run: bool, settings: "Settings"
) -> tuple[dict[str, Any], str]:
    """What machines read of it, and people. Raises VersusError."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # a hub learns which files are fetched, and no more
    from app.catalog import hub
    from app.catalog.shelf import put_in_place

    root = settings.made_models_dir
    model = hub.look_up(source)
    found = hub.find_added(root, model.source)
    if found is not None and name in (None, found.name):
        return {"status": "already there"} | _as_json(
            found, root / found.name / str(found.version)
        ), f"{found.id} is it already."
    name, version = _name(model, name, settings)
    work = settings.data_dir / "work" / "hub" / f"{model.repo.replace('/', '--')}-{model.commit}"
    with TemporaryDirectory() as passing, hub.only_one(work, model.repo):
        folder = Path(passing) if dry_run else work
        hub.check_room(folder, model.settings)
        hub.fetch(model, model.settings, folder)
        weights = model.weights(folder)
        outline = _outline(folder, model.repo)
        card = _card(name, version, model, outline, context)
        total = sum(file.bytes for file in (*model.settings, *weights))
        summary = _summary(model, outline, card, weights, total)
        told = {"files": len(model.settings) + len(weights), "bytes": total} | _as_json(card, None)
        if dry_run:
            hub.check_room(work, weights)
            return {"status": "dry run", "needs_accept_licence": not model.permissive} | told, summary
        if not (model.permissive or accept_licence):
            raise Unprocessable(_unaccepted(model))
        typer.echo(summary, err=True)
        hub.check_room(work, weights)
        with _bar(model.repo, sum(file.bytes for file in weights)) as on_bytes:
            hub.fetch(model, weights, work, on_bytes)
        card, place = put_in_place(card, work, root)
    sentence = f"{card.id} is in {place}; ask it with: versus chat --model {card.name}"
    return {"status": "added"} | told | _as_json(card, place), sentence


def _name(model: "HubModel", name: str | None, settings: "Settings") -> tuple[str, int]:
    """Name and version; raises Conflict where the name is another model's, which only a name that was asked for may follow."""
    from app.catalog.cards import NAME_PATTERN, not_reserved
    from app.catalog.catalog import Catalog
    from app.catalog.hub import PREFIX, default_name

    if name is not None and not re.fullmatch(NAME_PATTERN, name):
        raise Unprocessable(f"{name!r} is no name for a model; use small letters, digits, dots, dashes and underscores.")
    asked, name = name is not None, name or default_name(model.repo)
    try:
        not_reserved(name)
    except ValueError as error:
        raise Unprocessable(f"{error} with --name.") from error
    catalog: Catalog = Catalog([settings.models_dir, settings.made_models_dir])
    if other := catalog.alias_of_another(name):
        raise Conflict(f"{name} is an alias of {other}; choose another name with --name.")
    versions = [version.card for version in catalog.versions() if version.name == name]
    if any(card.kind == "custom" for card in versions):
        raise Conflict(f"{name} is a custom model in the catalog; choose another name with --name.")
    strangers = [card for card in versions if not any(one.startswith(f"{PREFIX}{model.repo}@") for one in card.sources)]
    if strangers and not asked:
        raise Conflict(f"{name} is another model in the catalog; choose a name with --name ({name} makes it that one's next).")
    return name, max((card.version for card in versions), default=0) + 1


def _outline(folder: Path, repo: str) -> "Outline":
    from app.engines.embedded.outline import outline  # torch: only now

    return outline(folder, repo)


def _card(name: str, version: int, model: "HubModel", outline: "Outline", context: int | None) -> "Card":
    from app.catalog.cards import Card, Made

    if context is not None and context > outline.context:
        raise Unprocessable(f"{model.repo} reads at most {outline.context} tokens here, not {context}; lower --context.")
    return Card(
        name=name,
        version=version,
        kind="general",
        method="pretrained",
        summary=f"{model.repo} from a hub, {outline.architecture}.",
        licence=model.licence,
        context=context or outline.context,
        parameters=outline.parameters,
        sources=(model.source,),
        made=Made(created=datetime.now(UTC).replace(microsecond=0)),
    )


def _summary(model: "HubModel", outline: "Outline", card: "Card", weights: "tuple[HubFile, ...]", total: int) -> str:
    lines = [
        f"{model.repo} at {model.commit}",
        f"  {outline.architecture}, {outline.parameters:,} parameters, {outline.parameters * 4 / 1e9:.2f} GB of memory on a "
        f"processor (float32), {outline.parameters * 2 / 1e9:.2f} GB on a GPU (bfloat16)",
        f"  {len(model.settings) + len(weights)} files, {total / 1e6:,.1f} MB",
        f"  context {card.context} tokens{outline.context_note}",
        f"  licence {model.licence or 'not told'}{'' if model.permissive else ': to be accepted with --accept-licence'}",
        f"  in the catalog as {card.id}",
    ]
    if not outline.chat_template:
        lines.append("  no chat template: turns are put together as paragraphs of plain text")
    return "\n".join(lines)


def _unaccepted(model: "HubModel") -> str:
    at = f" ({model.terms})" if model.terms else ""
    what = f"The licence of {model.repo} is {model.licence}{at}" if model.licence else f"{model.repo} tells no licence"
    return (
        f"{what}, which is not one of those that permit any use. Read its terms; if you may use it, run the command again with "
        "--accept-licence."
    )


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Bytes on stderr: a bar on a terminal, now and then a line in a log."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        *(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()),
    )
    come, printed = 0, time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)

        def on_bytes(more: int) -> None:
            nonlocal come, printed
            come += more
            bar.update(task, completed=come)
            if not console.is_terminal and time.monotonic() - printed > LINE_S:
                printed = time.monotonic()
                console.print(f"{what}: {come / 1e6:,.0f} of {total / 1e6:,.0f} MB")

        yield on_bytes


def _as_json(card: "Card", folder: Path | None) -> dict[str, Any]:
    where = {} if folder is None else {"folder": str(folder)}
    return {"id": card.id} | where | card.model_dump(mode="json", exclude_none=True)
