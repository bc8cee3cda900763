"""Deletes a version: only one that nothing uses; gone from every list in one step, then from memory and disk."""

import asyncio
from pathlib import Path

from app.catalog.cards import CARD_FILE
from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.shelf import sweep, take_away
from app.database.session import Database, transaction
from app.engines.registry import Engines
from app.engines.store import work_with
from app.errors import Conflict, InUse, SetupError, Unavailable, Unprocessable
from app.settings import Settings


async def delete_version(model: str, settings: Settings, catalog: Catalog, engines: Engines, database: Database) -> None:
    """`model` is name@version; one that cannot be served can be deleted too.

    Raises InUse that names every user, UnknownModel, Unprocessable for a name without its version, Conflict for a model that
    ships with Versus, SetupError where its folder cannot be renamed.
    """
    root = settings.made_models_dir
    name, _, number = model.partition("@")
    if not number:
        versions = ", ".join(version.id for version in catalog.versions() if version.name == name)
        raise Unprocessable(f"{model} is no version; say which to delete{f': {versions}' if versions else ''}.", param="model")
    try:
        version: ModelVersion | None = catalog.find(model)
    except Unavailable:
        version = None
    folder = version.folder if version is not None else _broken_folder(model, catalog)
    if not folder.is_relative_to(root):
        raise Conflict(f"{model} ships with Versus and is read only; remove its folder to be rid of it.", param="model")
    if any(inner.is_dir() and (inner / CARD_FILE).is_file() for inner in folder.iterdir()):
        raise Conflict(f"The folder of {model} holds other versions too; delete those first.", param="model")
    # Within one transaction: on SQLite no run is accepted between the look and the renaming.
    async with transaction(database) as session:
        users = [*_users(model, version, settings, catalog, engines), *await work_with(session, model)]
        if users:
            raise InUse(model, users)
        try:
            await asyncio.to_thread(take_away, folder, int(number), root)
        except OSError as error:
            raise SetupError(f"{model} could not be deleted ({error.strerror}); all of it is still there.") from error
    if version is not None and _twin(version, catalog) is None:
        await engines.unload(version)
    await asyncio.to_thread(sweep, root)


def _users(model: str, version: ModelVersion | None, settings: Settings, catalog: Catalog, engines: Engines) -> list[str]:
    """Who needs it, a few words each."""
    users = [f"the alias {name} stands for it" for name, target in catalog.aliases().items() if target == model]
    users += [f"{other.id} stands on it" for other in catalog.versions() if other.base is not None and other.base.id == model]
    if version is None:
        return users
    default = settings.general_model
    others = [other for other in catalog.versions() if other.name == version.name and other.id != model]
    if default == model or (default == version.name and not others):
        users.append("VERSUS_GENERAL_MODEL names it")
    # The very same weights under another name serve on.
    if _twin(version, catalog) is None and (requests := engines.in_use(version)):
        users.append(f"{requests} request{'s are' if requests > 1 else ' is'} in work")
    return users


def _twin(version: ModelVersion, catalog: Catalog) -> ModelVersion | None:
    """Another version with the same digest, which an engine holds but once."""
    return next((other for other in catalog.versions() if other.digest == version.digest and other.id != version.id), None)


def _broken_folder(model: str, catalog: Catalog) -> Path:
    """Of a version that cannot be served. Raises Unavailable where the card does not lie where it should."""
    name, _, number = model.partition("@")
    for card in catalog.broken:
        if card.name == CARD_FILE and (card.parent.parent.name, card.parent.name) == (name, number):
            return card.parent
    raise Unavailable(f"{model} cannot be served and its folder is not where versions are; remove it by hand.")
