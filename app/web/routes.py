"""The service about itself: alive, ready, metrics, and the page that greets a visitor."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from prometheus_client import CONTENT_TYPE_LATEST

from app import __version__
from app.benchmarks import store as benchmarks
from app.comparisons import store as comparisons
from app.deps import CatalogDep, DatabaseDep, EnginesDep, SessionDep, SettingsDep
from app.inference.models import without_place
from app.web.readiness import Check, checks

router = APIRouter()

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(["html.jinja"]), trim_blocks=True
)


@router.get("/healthz", tags=["service"])
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz", tags=["service"], responses={503: {"description": "Not ready; `checks` tells why."}})
async def readyz(request: Request, settings: SettingsDep, database: DatabaseDep, catalog: CatalogDep) -> JSONResponse:
    """Ready to do its work: database migrated, default model there, a job worker seen lately, not about to end."""
    found = await checks(settings, database, catalog)
    if request.app.state.drain.begun:
        found.append(Check("ending", False, "The service was asked to end; it finishes what is in work."))
    body: dict[str, Any] = {
        "status": "ready" if all(check.ok for check in found) else "not ready",
        "checks": {check.name: "ok" if check.ok else check.reason for check in found},
    }
    return JSONResponse(body, 200 if body["status"] == "ready" else 503)


@router.get("/metrics", tags=["service"], response_class=Response)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    return Response(request.app.state.metrics.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/", include_in_schema=False)
async def home(settings: SettingsDep, session: SessionDep, catalog: CatalogDep, engines: EnginesDep) -> HTMLResponse:
    """Models, the latest runs with their verdicts, the latest comparisons."""
    runs, _ = await benchmarks.list_runs(session, task=None, cursor=None, limit=10)
    latest, _ = await comparisons.list_comparisons(session, cursor=None, limit=10)
    page = _pages.get_template("home.html.jinja").render(
        models=[(version, engines.loaded(version)) for version in catalog.latest()],
        broken=[without_place(reason, settings) for reason in catalog.broken.values()],
        runs=runs,
        comparisons=latest,
    )
    return HTMLResponse(page)
