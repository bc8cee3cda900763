"""Promote, roll back, name and unname: decisions on what a name stands for, checked against what is in the catalog."""

from pathlib import Path

from app.catalog.aliases import Decision, current, decide, deciding, earlier
from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.imports import check_name
from app.errors import Conflict, NotFound, Unprocessable


def promote(catalog: Catalog, root: Path, model: str, by: str) -> Decision:
    """The name of `model`, name@version, stands for that version from now on. Raises as `set_alias`, and Unprocessable."""
    name, _, version = model.partition("@")
    if not version:
        raise Unprocessable(f"{model} is no version; promote one of {_versions(catalog, model)}.", param="target")
    return set_alias(catalog, root, name, model, by)


def set_alias(catalog: Catalog, root: Path, name: str, target: str, by: str) -> Decision:
    """`name` stands for the version that `target` is now. Raises UnknownModel, Unavailable for one that cannot be served,
    Unprocessable for a name that none may have, Conflict for the name of another model."""
    check_name(name)
    with deciding(root) as decisions:
        version = catalog.find(target)
        if version.name != name and _named(catalog, name):
            raise Conflict(
                f"{name} is a model, and {version.id} is a version of another; choose another alias, or promote a version of "
                f"{name}.",
                param="name",
            )
        before = _stands_for(catalog, current(decisions), name)
        if current(decisions).get(name) == version.id:
            return next(one for one in reversed(decisions) if one.name == name)
        return decide(root, name, "set", version.id, before, by, decisions)


def roll_back(catalog: Catalog, root: Path, name: str, by: str) -> Decision:
    """`name` stands for what it stood for before; where none of that is there, for the next lower version of its own.

    Raises NotFound for a name that is none, Conflict where nothing is before.
    """
    with deciding(root) as decisions:
        now = _stands_for(catalog, current(decisions), name)
        if now is None:
            raise NotFound(f"There is no model and no alias {name!r}. GET /v1/models lists the models.", param="name")
        there = {version.id for version in catalog.versions()}
        options = [target for target in earlier(decisions, name) if target != now]
        own, _, number = now.partition("@")
        if own == name:
            options += [version.id for version in _named(catalog, name) if version.card.version < int(number)]
        target = next((one for one in options if one in there), None)
        if target is None:
            raise Conflict(f"{name} stands for {now}, and there is nothing before that to roll back to.", param="name")
        return decide(root, name, "rollback", target, now, by, decisions)


def remove_alias(catalog: Catalog, root: Path, name: str, by: str) -> Decision:
    """`name` stands for its highest version again, or for nothing if it is no model's. Raises NotFound."""
    with deciding(root) as decisions:
        before = current(decisions).get(name)
        if before is None:
            raise NotFound(f"{name!r} is no alias. GET /v1/aliases lists all.", param="name")
        return decide(root, name, "remove", None, before, by, decisions)


def _stands_for(catalog: Catalog, aliases: dict[str, str], name: str) -> str | None:
    own = _named(catalog, name)
    return aliases.get(name) or (own[0].id if own else None)


def _named(catalog: Catalog, name: str) -> list[ModelVersion]:
    """The highest version first."""
    return [version for version in catalog.versions() if version.name == name]


def _versions(catalog: Catalog, name: str) -> str:
    return ", ".join(version.id for version in _named(catalog, name)) or "those in GET /v1/models"
