"""Deletes a version: only one that nothing uses; gone from every list in one step, then from memory and disk."""

import asyncio
import re
from pathlib import Path

from app.catalog.aliases import current, deciding
from app.catalog.cards import CARD_FILE, NAME_PATTERN, read_card
from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.shelf import sweep, take_away
from app.database.session import Database, transaction
from app.engines.registry import Engines
from app.engines.store import work_with
from app.errors import Conflict, InUse, SetupError, Unavailable, UnknownModel, Unprocessable
from app.settings import Settings

VERSION = re.compile(rf"{NAME_PATTERN.strip('^$')}@[1-9][0-9]{{0,8}}")


async def delete_version(model: str, settings: Settings, catalog: Catalog, engines: Engines, database: Database) -> None:
    """`model` is name@version; one that cannot be served can be deleted too, also one whose card cannot be read.

    Raises InUse that names every user, UnknownModel, Unprocessable for a name without its version, Conflict for a model that
    ships with Versus, SetupError where its folder cannot be renamed.
    """
    root = settings.made_models_dir
    name, _, number = model.partition("@")
    if not number:
        versions = ", ".join(version.id for version in catalog.versions() if version.name == name)
        raise Unprocessable(f"{model} is no version; say which to delete{f': {versions}' if versions else ''}.", param="model")
    _found(model, settings, catalog)
    # Within one transaction: on SQLite no run is accepted between the look and the renaming.
    async with transaction(database) as session:
        users = await work_with(session, model)
        version = await asyncio.to_thread(_take, model, users, settings, catalog, engines)
    if version is not None and _twin(version, catalog) is None:
        await engines.unload(version)
    await asyncio.to_thread(sweep, root)


def _take(model: str, work: list[str], settings: Settings, catalog: Catalog, engines: Engines) -> ModelVersion | None:
    """Takes it away unless anything uses it, `work` among that; nobody decides on names meanwhile."""
    root = settings.made_models_dir
    with deciding(root) as decisions:
        version, folder = _found(model, settings, catalog)  # anew: another deletion may have come first
        try:
            if any(inner.is_dir() and (inner / CARD_FILE).is_file() for inner in folder.iterdir()):
                raise Conflict(f"The folder of {model} holds other versions too; delete those first.", param="model")
            if users := [*_users(model, version, current(decisions), settings, catalog, engines), *work]:
                raise InUse(model, users)
            take_away(folder, int(model.partition("@")[2]), root)
        except FileNotFoundError as error:
            raise UnknownModel(model, [version.id for version in catalog.versions()]) from error
        except OSError as error:
            raise SetupError(f"{model} could not be deleted ({error.strerror}); all of it is still there.") from error
    return version


def _found(model: str, settings: Settings, catalog: Catalog) -> tuple[ModelVersion | None, Path]:
    """The version, None where it cannot be served, and its folder."""
    version: ModelVersion | None = None
    try:
        version = catalog.find(model)
        folder = version.folder
    except (Unavailable, UnknownModel) as error:
        broken = _broken_folder(model, settings, catalog)
        if broken is None and isinstance(error, Unavailable):
            raise Unavailable(
                f"{model} cannot be served and its folder is not where versions are; remove it by hand."
            ) from error
        if broken is None:
            raise
        folder = broken
    if not folder.is_relative_to(settings.made_models_dir):
        raise Conflict(f"{model} ships with Versus and is read only; remove its folder to be rid of it.", param="model")
    return version, folder


def _users(
    model: str, version: ModelVersion | None, aliases: dict[str, str], settings: Settings, catalog: Catalog, engines: Engines
) -> list[str]:
    """Who needs it, a few words each."""
    users = [f"the alias {name} stands for it" for name, target in aliases.items() if target == model]
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


def _broken_folder(model: str, settings: Settings, catalog: Catalog) -> Path | None:
    """Of a version that cannot be served: where versions of its name are, with its card or one that cannot be read."""
    if not VERSION.fullmatch(model):
        return None
    name, _, number = model.partition("@")
    for root in (settings.models_dir, settings.made_models_dir):
        card = root / name / number / CARD_FILE
        if card in catalog.broken and _says(card) in (model, None):
            return card.parent
    return None


def _says(card: Path) -> str | None:
    """Which version it is of; None where it cannot be read."""
    try:
        return read_card(card).id
    except SetupError:
        return None
