"""`versus models export` and `import`: versions to and from plain Hugging Face folders."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.progress import fail
from app.errors import VersusError

if TYPE_CHECKING:
    from app.catalog.catalog import Catalog

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


def _catalog() -> "Catalog":
    from app.catalog.catalog import Catalog
    from app.settings import Settings

    settings = Settings()
    return Catalog([settings.models_dir, settings.made_models_dir])
