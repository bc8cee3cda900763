"""The service with models of the fake engine, spoken to over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.catalog.cards import TrainedTask
from app.database.base import Base
from app.database.migrations import upgrade
from app.database.session import transaction
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake

CLAIMS = TrainedTask(name="kind-of-loss", prompt="kind-of-loss: {input}", labels=("water", "fire", "theft"))
SHORT = TrainedTask(name="part", labels=("WATER (PIPES)", "FIRE, NEC"), answers=("water", "fire"))
LOUD = TrainedTask(name="loud", labels=("water", "fire"), temperature=2.5)  # its model is too sure, validation said

Start = Callable[..., TestClient]
Rows = Callable[[TestClient, type[Base]], list[Any]]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A general model, one trained for a task, and one that reads very little."""
    root = tmp_path_factory.mktemp("models")
    make_fake(root, "general")
    make_fake(root, "claims", kind="custom", method="full", domain="claims", parent="general@1", tasks=(CLAIMS, SHORT, LOUD))
    make_fake(root, "short", context=24)
    return root


@pytest.fixture(scope="session")
def client(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all tests that need no other settings."""
    settings = Settings(
        models_dir=models_dir,
        data_dir=tmp_path_factory.mktemp("data"),
        max_prompt_chars=2000,
        max_inputs=8,
        max_labels=10,
    )
    upgrade(settings.database)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def start(models_dir: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a service of the test's own, on a new SQLite database unless told."""
    with ExitStack() as stack:

        def start(**settings: Any) -> TestClient:
            made = Settings(**{"models_dir": models_dir, "data_dir": tmp_path / "data", **settings})
            upgrade(made.database)
            return stack.enter_context(TestClient(create_app(made)))

        yield start


@pytest.fixture
def rows() -> Rows:
    """All rows of a table in the database of a service, oldest first."""

    def all_of(client: TestClient, table: type[Base]) -> list[Any]:
        async def read() -> list[Any]:
            async with transaction(client.app.state.database) as session:  # type: ignore[attr-defined]
                return list(await session.scalars(select(table).order_by(table.id)))  # type: ignore[attr-defined]

        assert client.portal is not None
        return client.portal.call(read)

    return all_of
