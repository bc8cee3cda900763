"""The service: create_app(settings) joins the routers, the state they share, and one error handler."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from app import __version__
from app.benchmarks.gate.routes import router as deltas
from app.benchmarks.peers.routes import router as exports
from app.benchmarks.routes import router as benchmarks
from app.benchmarks.scorecard.routes import router as scorecards
from app.benchmarks.tasks import Tasks
from app.benchmarks.verdict.routes import router as verdicts
from app.catalog.catalog import Catalog
from app.comparisons.routes import router as comparisons
from app.database.session import connect
from app.datasets.routes import router as datasets
from app.engines.registry import Engines
from app.engines.routes import router as versions
from app.errors import VersusError
from app.inference.routes import router as inference
from app.inference.scoring import Scorer
from app.jobs.queue import JobQueue
from app.settings import Settings
from app.training.routes import router as training
from app.web.draining import Drain, Draining
from app.web.errors import install_error_handlers
from app.web.limits import BodyLimit
from app.web.metrics import Metrics
from app.web.query import known_query
from app.web.routes import router as web

log = structlog.get_logger(__name__)

DESCRIPTION = """For this task: the general-purpose LLM, or a custom-built one? Versus hosts both behind one OpenAI-compatible
API, compares them side by side, and answers with evidence."""


def create_app(settings: Settings) -> FastAPI:
    """A service on a migrated database; opens nothing before it starts."""
    app: FastAPI = FastAPIOffline(
        title="Versus",
        version=__version__,
        description=DESCRIPTION,
        docs_url="/docs",
        redoc_url=None,
        static_url="/static/docs",
        lifespan=_lifespan,
    )
    database = connect(settings.database)
    app.state.settings = settings
    app.state.database = database
    app.state.catalog = Catalog([settings.models_dir, settings.made_models_dir])
    app.state.engines = Engines(settings)
    app.state.jobs = JobQueue(settings)
    app.state.tasks = Tasks(database)
    app.state.scorer = Scorer(app.state.engines)
    app.state.metrics = Metrics()
    app.state.metrics.watch(app.state.engines.load_now)
    app.state.drain = Drain()
    app.state.estimating = asyncio.Semaphore(1)  # one at a time: each holds all rows of a training in tokens
    app.include_router(web)  # probes and scrapers may add to their queries what they like
    for router in (inference, versions, comparisons, datasets, benchmarks, verdicts, deltas, exports, scorecards, training):
        app.include_router(router, dependencies=[Depends(known_query)])
    install_error_handlers(app)
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(Draining, drain=app.state.drain)
    app.add_middleware(app.state.metrics.middleware)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    warming = asyncio.create_task(_warm(app))
    yield
    warming.cancel()
    await asyncio.gather(warming, return_exceptions=True)
    await app.state.engines.close()
    await app.state.jobs.close()
    await app.state.database.close()


async def _warm(app: FastAPI) -> None:
    """Lets no first caller wait for torch and the weights; what is wrong with them is told to those who ask for the model."""
    settings: Settings = app.state.settings
    if not settings.embedded:
        return
    try:
        await app.state.engines.warm(app.state.catalog.find(settings.general_model))
    except VersusError as error:
        log.warning("the general model is not loaded", reason=error.message)
