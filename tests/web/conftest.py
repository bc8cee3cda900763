"""The whole service with two models of the fake engine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake

Start = Callable[..., TestClient]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a service on a migrated database of its own; `migrated=False` leaves the database empty."""
    make_fake(tmp_path / "models", "general")
    make_fake(tmp_path / "models", "claims", kind="custom", method="full", parent="general@1")
    with ExitStack() as stack:

        def start(*, migrated: bool = True, **given: Any) -> TestClient:
            settings = Settings(**{"models_dir": tmp_path / "models", "data_dir": tmp_path / "data", **given})
            if migrated:
                upgrade(settings.database)
            return stack.enter_context(TestClient(create_app(settings), raise_server_exceptions=False))

        yield start
