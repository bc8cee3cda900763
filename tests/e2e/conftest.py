"""A service as users meet it: a tiny real model in the embedded engine, on a real socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.catalog.catalog import Catalog
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.models import make_adapter, make_tiny_general
from tests.server import serve


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A general model with random weights, and an adapter of it."""
    root = tmp_path_factory.mktemp("models")
    make_tiny_general(root)
    make_adapter(root, Catalog([root]).find("general"), "adapter", seed=1, r=4, lora_alpha=8)
    return root


@pytest.fixture(scope="session")
def service(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its base URL."""
    settings = Settings(models_dir=models_dir, data_dir=tmp_path_factory.mktemp("data"), threads=1)
    upgrade(settings.database)
    with serve(create_app(settings)) as url:
        yield url
