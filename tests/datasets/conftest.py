"""The dataset routes on a migrated database, SQLite and PostgreSQL, spoken to over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.testclient import TestClient

from app.database.session import connect
from app.datasets.routes import router
from app.errors import VersusError
from app.settings import Settings

Upload = Callable[..., httpx.Response]


@pytest.fixture
def make_app() -> Callable[[Settings], FastAPI]:
    return _make_app


def _make_app(settings: Settings) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    app.state.settings = settings
    app.state.database = connect(settings.database)

    @app.exception_handler(VersusError)
    async def render(_request: Request, error: VersusError) -> JSONResponse:
        return JSONResponse(error.body(), error.status, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def render_validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": {"message": str(error.errors()[0]["loc"]), "param": None}}, 422)

    return app


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path, max_upload_bytes=8_000_000, max_upload_rows=30_000)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    app = _make_app(settings)
    with TestClient(app) as client:
        yield client
        assert client.portal is not None
        client.portal.call(app.state.database.close)


@pytest.fixture
def upload(client: TestClient) -> Upload:
    """Posts a file with form fields."""

    def post(content: str | bytes, name: str = "desk.csv", /, **fields: Any) -> httpx.Response:
        data = content.encode() if isinstance(content, str) else content
        return client.post("/v1/datasets", files={"file": (name, data)}, data=fields)

    return post
