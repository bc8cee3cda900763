"""A tiny general model and a task that it can learn in seconds."""

import random
from pathlib import Path

import pytest
import torch

from app.catalog.catalog import Catalog, ModelVersion
from tests.models import make_tiny_general

WORDS = {
    "theft": ("stolen bicycle", "the thief ran", "taken from the yard"),
    "fire": ("smoke in the kitchen", "burned wall", "the fire spread"),
    "water damage": ("a pipe burst", "flooded cellar", "wet ceiling"),
}


def rows(count: int, seed: int = 0) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    labels = rng.choices([*WORDS], weights=(4, 2, 1), k=count)
    return [(f"{rng.choice(WORDS[label])}, case {rng.randint(1, 9)}", label) for label in labels]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def models_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_tiny_general(root)
    return root


@pytest.fixture(scope="session")
def base(models_root: Path) -> ModelVersion:
    return Catalog([models_root]).find("general")


@pytest.fixture(scope="session")
def claims() -> dict[str, dict[str, list[tuple[str, str]]]]:
    return {"claims-type": {"train": rows(90), "validation": rows(30, seed=1)}}
