"""`GET /v1/models`: what can be asked, OpenAI's list with what a choice between models needs to know."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.catalog.aliases import ALIASES
from app.catalog.cards import TaskKind
from app.catalog.catalog import ModelVersion
from app.engines.registry import Engines
from app.errors import Unavailable
from app.settings import Settings


class TrainedTaskOut(BaseModel):
    """A task that the model was trained for."""

    name: str
    kind: TaskKind = "classification"
    prompt: str = Field(default="{input}", description="the user turn of a request, with {input} for the text")
    labels: list[str] = Field(description="none where the answer is written")
    json_schema: dict[str, Any] | None = Field(default=None, description="extraction: of every answer")


class ModelOut(BaseModel):
    """One version of a model; a broken one has little more than its reason."""

    id: str = Field(description="name@version; the name alone asks for its highest version, or for the one that was promoted")
    object: Literal["model"] = "model"
    created: int = Field(description="when it was made, seconds since 1970; 0: unknown")
    owned_by: Literal["versus"] = "versus"
    status: Literal["loaded", "available", "unavailable", "broken"]
    reason: str | None = Field(default=None, description="why it is unavailable or broken")
    name: str | None = None
    version: int | None = None
    kind: Literal["general", "custom"] | None = None
    method: str | None = None
    domain: str | None = None
    summary: str | None = None
    parent: str | None = None
    digest: str | None = None
    parameters: int | None = None
    aliases: list[str] = Field(default_factory=list, description="names that stand for it because somebody decided so")
    bytes: int | None = Field(default=None, description="of its weights on disk; of an adapter its own only")
    context: int | None = Field(default=None, description="most tokens, prompt and answer together")
    engine: str | None = None
    capabilities: dict[str, Any] | None = None
    tasks: list[TrainedTaskOut] = Field(default_factory=list)


class ModelListOut(BaseModel):
    """All versions: general models first, then by name, newest version first; broken ones last."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


def model_out(version: ModelVersion, engines: Engines, aliases: Mapping[str, str]) -> ModelOut:
    """`aliases`: name -> name@version."""
    card = version.card
    capabilities, reason = None, None
    try:
        capabilities = asdict(engines.of(version).capabilities(version))
    except Unavailable as error:
        reason = error.message
    return ModelOut(
        id=version.id,
        created=int(card.made.created.timestamp()) if card.made.created else 0,
        status="unavailable" if reason else "loaded" if engines.loaded(version) else "available",
        reason=reason,
        name=version.name,
        version=card.version,
        kind=card.kind,
        method=card.method,
        domain=card.domain,
        summary=card.summary,
        parent=card.parent,
        digest=version.digest,
        parameters=card.parameters,
        aliases=sorted(name for name, target in aliases.items() if target == version.id),
        bytes=version.bytes,
        context=card.context,
        engine=card.engine,
        capabilities=capabilities,
        tasks=[
            TrainedTaskOut(
                name=task.name,
                kind=task.kind,
                prompt=task.prompt,
                labels=list(task.labels),
                json_schema=task.json_schema or None,
            )
            for task in card.tasks
        ],
    )


def broken_out(broken: Mapping[Path, str], settings: Settings) -> list[ModelOut]:
    """Folders that hold a card and cannot be served."""
    return [
        ModelOut(id=_folder_id(card), created=0, status="broken", reason=without_place(reason, settings))
        for card, reason in sorted(broken.items())
    ]


def without_place(reason: str, settings: Settings) -> str:
    """Where the folders of models are on this machine is nobody's business outside."""
    for root in sorted({str(settings.models_dir), str(settings.made_models_dir)}, key=len, reverse=True):
        reason = reason.replace(f"{root}/", "")
    return reason


def _folder_id(card: Path) -> str:
    """`<name>/<version>` or `<name>`, which may be all that is known of it."""
    if card.name == ALIASES:
        return ALIASES
    folder = card.parent
    return f"{folder.parent.name}@{folder.name}" if folder.name.isdigit() else folder.name
