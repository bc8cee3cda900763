"""What a training found out with its validation rows, kept so that a refit, which learns from them too, needs it only once."""

from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from app.catalog.catalog import ModelVersion
from app.errors import Unprocessable
from app.training.recipe import Contestant, Method


class Found(BaseModel):
    """`best_epoch` counts passes over the training rows, as part of a whole one where need be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Contestant
    best_epoch: float = Field(gt=0, description="after which the weights were best")
    temperatures: dict[str, float] = Field(default={}, description="task -> fitted to its validation rows")
    numbers: dict[str, float] = Field(default={}, description="what a card tells under `validation`")
    seconds: float = 0.0
    tokens: int = 0


def require_unlearned(base: ModelVersion, method: Method, datasets: Collection[str]) -> None:
    """Raises Unprocessable for a base that has learned the rows on which the weights made from it would be chosen."""
    if method != "scratch" and (learned := [one for one in datasets if one in base.card.made.refitted_on]):
        raise Unprocessable(
            f"{base.id} has learned the validation rows of {', '.join(learned)} (refit), on which the new weights would be "
            "chosen; make the variant from another base",
            param="base",
        )


def keep(found: Found, path: Path) -> None:
    part = path.with_suffix(".part")
    part.write_text(found.model_dump_json())
    part.replace(path)


def kept(path: Path) -> Found | None:
    """None where the first training is not over."""
    return Found.model_validate_json(path.read_text()) if path.exists() else None
