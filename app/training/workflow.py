"""A training run as a durable workflow: killed anywhere and started again, it goes on from its last checkpoint."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from threading import Event

from dbos import DBOS

from app.catalog.cards import CARD_FILE, read_card
from app.catalog.catalog import Catalog
from app.database.session import DatabaseError, transaction
from app.errors import VersusError
from app.jobs.context import current
from app.jobs.names import TRAINING_WORKFLOW
from app.training import store
from app.training.energy import Power
from app.training.errors import TrainingStopped
from app.training.make import make_variant
from app.training.processes import processes_here
from app.training.recipe import Recipe

REPORT_S = 1.0  # between two writings of the progress


@DBOS.workflow(name=TRAINING_WORKFLOW)
async def training_run(run_id: str) -> None:
    """Ends with the run succeeded, failed with a sentence, or cancelled."""
    try:
        if await _set_status(run_id, "running"):
            await _set_status(run_id, "succeeded", model=await make(run_id))
    except TrainingStopped:
        return  # cancelled: the row says so already
    except VersusError as error:
        await _set_status(run_id, "failed", error=error.message)
    except Exception as error:
        await _set_status(run_id, "failed", error=f"Unexpected: {type(error).__name__}: {error}. The worker's log has more.")
        raise


def _database_lost(error: BaseException) -> bool:
    return isinstance(error, DatabaseError)


@DBOS.step(retries_allowed=True, max_attempts=6, should_retry=_database_lost)
async def make(run_id: str) -> str:
    """Trains in a thread; the id of the model. A step cut off is begun again and finds its checkpoints."""
    settings, database = current().settings, current().database
    async with transaction(database) as session:
        run = await store.find_run(session, run_id)
        recipe = Recipe.model_validate(run.recipe)
        rows, texts = await store.rows_of(session, recipe), await store.texts_of(session, recipe)
    base = Catalog([settings.models_dir, settings.made_models_dir]).find(recipe.base)
    work = settings.data_dir / "work"  # by the training's digest: one that failed goes on when it is started again
    stop = Event()
    latest: list[dict[str, object]] = []
    training = asyncio.create_task(
        asyncio.to_thread(
            make_variant,
            recipe,
            rows,
            base,
            settings.made_models_dir,
            work,
            texts=texts,
            on_progress=lambda progress: latest.append(asdict(progress)),
            should_stop=stop.is_set,
            power=Power(settings.watts_per_core, settings.watts_per_gpu, settings.price_per_kwh),
            processes=processes_here(settings.training_processes),
        )
    )
    try:
        while not (await asyncio.wait({training}, timeout=REPORT_S))[0]:
            if latest:
                async with transaction(database) as session:
                    if not await store.set_progress(session, run_id, latest[-1]):
                        stop.set()
                del latest[:-1]
        folder: Path = await training
    finally:
        # Whatever ended the waiting, the thread must not go on training behind a step that is tried again.
        stop.set()
        await asyncio.wait({training})
    return read_card(folder / CARD_FILE).id


async def _set_status(run_id: str, status: str, *, model: str | None = None, error: str | None = None) -> bool:
    async with transaction(current().database) as session:
        return await store.set_status(session, run_id, status, model=model, error=error)
