"""Versions and aliases over HTTP: load, unload, delete; promote and roll back by alias."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from app.catalog import promotion
from app.catalog.aliases import Decision, read_decisions
from app.deps import CatalogDep, DatabaseDep, EnginesDep, SettingsDep
from app.engines.removal import delete_version
from app.errors import DeadlineExceeded

router = APIRouter(tags=["versions"])

ModelPath = Annotated[str, Path(min_length=1, max_length=200, description="a name, or name@version")]
NamePath = Annotated[str, Path(min_length=1, max_length=100, description="the alias, or the name of a model")]
By = Annotated[str, Field(min_length=1, max_length=100)]


class LoadOut(BaseModel):
    """A version, and whether its weights are in memory."""

    id: str
    status: Literal["loaded", "available"]


class DeletedOut(BaseModel):
    """A version that is gone."""

    id: str
    object: Literal["model"] = "model"
    deleted: Literal[True] = True


class AliasIn(BaseModel):
    """What a name shall stand for."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(
        min_length=1, max_length=200, description="name@version; a name means the version that it stands for now"
    )
    by: By = Field(default="api", description="who decides, for the history")


class RollbackIn(BaseModel):
    """Who rolls back."""

    model_config = ConfigDict(extra="forbid")

    by: By = Field(default="api", description="who decides, for the history")


class DecisionOut(BaseModel):
    """Who decided when what a name stands for."""

    name: str
    action: Literal["set", "rollback", "remove"]
    target: str | None = Field(description="name@version; null: the name's highest version, if it is a model's")
    before: str | None = Field(description="what it stood for until then")
    by: str
    at: str = Field(description="UTC, ISO 8601")


class AliasOut(BaseModel):
    """A name, the version that it stands for, and how it came to that, the latest decision first."""

    name: str
    target: str | None
    history: list[DecisionOut]


class AliasListOut(BaseModel):
    """All names that somebody ever decided about, in their order."""

    object: Literal["list"] = "list"
    data: list[AliasOut]


@router.post("/v1/models/{model}/load")
async def load_model(model: ModelPath, settings: SettingsDep, catalog: CatalogDep, engines: EnginesDep) -> LoadOut:
    """Brings the weights into memory, so that no later request waits for them."""
    version = catalog.find(model)
    async with _in_time(f"Loading {version.id}", settings.request_timeout_s):
        await engines.warm(version)
    return LoadOut(id=version.id, status="loaded")


@router.post("/v1/models/{model}/unload")
async def unload_model(model: ModelPath, settings: SettingsDep, catalog: CatalogDep, engines: EnginesDep) -> LoadOut:
    """Frees the memory once running requests have ended; a base takes its adapters along. A later request loads it again."""
    version = catalog.find(model)
    async with _in_time(f"Running requests kept {version.id} from leaving: unloading", settings.request_timeout_s):
        await engines.unload(version)
    return LoadOut(id=version.id, status="loaded" if engines.loaded(version) else "available")


@router.delete("/v1/models/{model}")
async def delete_model(
    model: ModelPath, settings: SettingsDep, catalog: CatalogDep, engines: EnginesDep, database: DatabaseDep
) -> DeletedOut:
    """Deletes one version (name@version). One that anything uses is not deleted: 409 `in_use` names all users."""
    await delete_version(model, settings, catalog, engines, database)
    return DeletedOut(id=model)


@router.get("/v1/aliases")
async def list_aliases(settings: SettingsDep) -> AliasListOut:
    """Names that somebody decided about, with their history."""
    decisions = await asyncio.to_thread(read_decisions, settings.made_models_dir)
    return AliasListOut(data=[_alias(name, decisions) for name in sorted({decision.name for decision in decisions})])


@router.put("/v1/aliases/{name}")
async def set_alias(name: NamePath, body: AliasIn, settings: SettingsDep, catalog: CatalogDep) -> AliasOut:
    """From now on the name stands for that version: a model's own name is promoted, any other becomes an alias."""
    await asyncio.to_thread(promotion.set_alias, catalog, settings.made_models_dir, name, body.target, body.by)
    return _alias(name, read_decisions(settings.made_models_dir))


@router.post("/v1/aliases/{name}/rollback")
async def roll_back(name: NamePath, settings: SettingsDep, catalog: CatalogDep, body: RollbackIn | None = None) -> AliasOut:
    """The name stands again for what it stood for before; if none of that is there, for its next lower version."""
    by = (body or RollbackIn()).by
    await asyncio.to_thread(promotion.roll_back, catalog, settings.made_models_dir, name, by)
    return _alias(name, read_decisions(settings.made_models_dir))


@router.delete("/v1/aliases/{name}")
async def remove_alias(name: NamePath, settings: SettingsDep, catalog: CatalogDep) -> AliasOut:
    """A model's name stands for its highest version again; any other name for nothing."""
    await asyncio.to_thread(promotion.remove_alias, catalog, settings.made_models_dir, name, "api")
    return _alias(name, read_decisions(settings.made_models_dir))


def _alias(name: str, decisions: list[Decision]) -> AliasOut:
    own = [DecisionOut.model_validate(one, from_attributes=True) for one in reversed(decisions) if one.name == name]
    return AliasOut(name=name, target=own[0].target, history=own)


@asynccontextmanager
async def _in_time(what: str, seconds: float) -> AsyncIterator[None]:
    """Raises DeadlineExceeded."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise DeadlineExceeded(
            f"{what} took longer than {seconds:.0f} s (VERSUS_REQUEST_TIMEOUT_S); try again when less is asked."
        ) from error
