"""A tiny general model, a task that it can learn in seconds, and a service that trains."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.catalog.catalog import Catalog, ModelVersion
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.models import make_tiny_general
from tests.threads import one_thread as one_thread
from tests.training.world import World

WORDS = {
    "theft": ("stolen bicycle", "the thief ran", "taken from the yard"),
    "fire": ("smoke in the kitchen", "burned wall", "the fire spread"),
    "water damage": ("a pipe burst", "flooded cellar", "wet ceiling"),
}


def rows(count: int, seed: int = 0) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    labels = rng.choices([*WORDS], weights=(4, 2, 1), k=count)
    return [(f"{rng.choice(WORDS[label])}, case {rng.randint(1, 9)}", label) for label in labels]


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


@pytest.fixture
def world(models_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(models_root))
    settings = Settings()
    upgrade(settings.database)
    with TestClient(create_app(settings)) as client:
        lines = "".join(
            json.dumps({"text": f"{text}, row {i}", "label": label}) + "\n" for i, (text, label) in enumerate(rows(200))
        )
        uploaded = client.post("/v1/datasets", files={"file": ("desk.jsonl", lines.encode())})
        assert uploaded.status_code == 201, uploaded.text
        world = World(client, tmp_path)
        yield world
        for worker in world.workers:
            worker.kill()
            worker.wait()
