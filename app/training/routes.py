"""Training runs over HTTP: start, follow, cancel; the variant appears in /v1/models when its run succeeded."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.digest import recipe_digest
from app.database.session import Session, transaction
from app.database.tables import TrainingRun
from app.datasets.kinds import require_answers
from app.datasets.store import find_dataset
from app.deps import CatalogDep, DatabaseDep, JobsDep, SessionDep, SettingsDep
from app.errors import Conflict, InvalidRequest, Unprocessable
from app.jobs.names import TRAINING_WORKFLOW
from app.jobs.resources import gpus
from app.jobs.store import why_waiting
from app.settings import Settings
from app.training import store
from app.training.estimate import need
from app.training.recipe import CODE, Recipe
from app.training.refit import require_unlearned
from app.training.room import check_room, memory_without_gpu
from app.training.schemas import EstimateOut, TrainingEventOut, TrainingRunIn, TrainingRunListOut, TrainingRunOut

router = APIRouter(prefix="/v1/training-runs", tags=["training"])

POLL_S = 0.5  # between two looks at a run whose events are read


@router.post("", status_code=status.HTTP_202_ACCEPTED, responses={200: {"model": TrainingRunOut}})
async def start_training_run(
    body: TrainingRunIn, settings: SettingsDep, database: DatabaseDep, catalog: CatalogDep, jobs: JobsDep, response: Response
) -> TrainingRunOut:
    """Makes a variant; a worker does it. The very same training, under way or done with its model still there, is returned
    with 200 and not done again. One that needs more memory or disk than there is gets 422 `will_not_fit`; a worker on another
    machine looks for itself, and the run then fails with that reason."""
    base = _base(body, catalog)
    # Committed before it is queued: a worker may look for the run at once.
    async with transaction(database) as session:
        recipe = await _recipe(session, body, base)
        digest = recipe_digest({"recipe": recipe.model_dump(mode="json"), "base": base.digest, "code": CODE})
        run = next((run for run in await store.same_runs(session, digest) if _still_good(run, catalog)), None)
        if run is None:
            if settings.embedded_worker and base.card.engine == "embedded":
                needed = need(recipe, base, processes=_processes(settings))
                check_room(needed, settings.data_dir, memory=_free_memory(body))
            run = await store.create_run(session, recipe, digest, body.queue)
        elif run.status == "queued" and run.queue != body.queue:
            raise Conflict(
                f"This very training waits as {run.id} for a worker of {run.queue!r}; cancel that first.", param="gpu"
            )
        else:
            response.status_code = status.HTTP_200_OK
    if run.status in store.UNFINISHED:
        await jobs.enqueue(TRAINING_WORKFLOW, run.queue, run.id)
    response.headers["Location"] = f"{router.prefix}/{run.id}"
    async with transaction(database) as session:
        return await _out(run, session)


@router.post("/estimate")
async def estimate_training_run(
    body: TrainingRunIn, request: Request, settings: SettingsDep, database: DatabaseDep, catalog: CatalogDep
) -> EstimateOut:
    """What the training would be: rows, those that do not fit the context, tokens, padding, steps, memory, disk. Starts
    nothing."""
    # Tokenizers come with torch, which a service of remote engines does without until it is asked for this.
    from app.training.dry_run import dry_run

    base = _base(body, catalog)
    if base.card.engine != "embedded":
        raise Unprocessable(f"{base.id} is served elsewhere; only weights on this machine can be trained.", param="base")
    async with transaction(database) as session:
        recipe = await _recipe(session, body, base)
        rows, texts = await store.rows_of(session, recipe), await store.texts_of(session, recipe)
    # Outside of the transaction: it takes seconds, and would keep all others from the database.
    async with request.app.state.estimating:
        return await asyncio.to_thread(
            dry_run,
            recipe,
            rows,
            base,
            settings.data_dir,
            _free_memory(body),
            earlier=catalog.versions(),
            texts=texts,
            processes=_processes(settings),
        )


def _processes(settings: Settings) -> int:
    """That would train together on this machine; a worker elsewhere may have another number of GPUs."""
    return settings.training_processes or max(1, gpus())


def _free_memory(body: TrainingRunIn) -> int | None:
    """Bytes; None where only the worker knows, as a GPU has its own."""
    return None if body.gpu else memory_without_gpu()


def _base(body: TrainingRunIn, catalog: Catalog) -> ModelVersion:
    """Raises UnknownModel, Unprocessable for an adapter, Conflict for the name of a general model."""
    base = catalog.find(body.base)
    if base.card.method == "lora":
        raise Unprocessable(f"{base.id} is an adapter; make the variant from {base.card.parent}, its base.", param="base")
    if any(version.name == body.name and version.card.kind == "general" for version in catalog.versions()):
        raise Conflict(f"{body.name!r} is a general model; give the variant another name.", param="name")
    if other := catalog.alias_of_another(body.name):
        raise Conflict(f"{body.name!r} is an alias of {other}; give the variant another name.", param="name")
    return base


async def _recipe(session: Session, body: TrainingRunIn, base: ModelVersion) -> Recipe:
    """Raises NotFound, InvalidRequest for a kind that is not the dataset's, or has no answers, or for no training texts, and
    Unprocessable for a base that has learned the rows to choose on."""
    tasks = []
    for task in body.tasks:
        dataset = await find_dataset(session, task.dataset)
        kind = require_answers(dataset)
        if "kind" in task.model_fields_set and task.kind != kind:
            raise InvalidRequest(
                f"The task {task.name!r} says {task.kind}, and {dataset.name!r} is of the kind {kind}; leave the kind out.",
                param="tasks",
            )
        tasks.append(task.model_copy(update={"dataset": dataset.id, "kind": kind}))
    texts = [await find_dataset(session, name) for name in body.texts]
    for dataset in texts:
        if dataset.sizes is not None and not dataset.sizes["train"]:
            raise InvalidRequest(f"The dataset {dataset.name!r} has no training texts to read.", param="texts")
    require_unlearned(base, body.method, [task.dataset for task in tasks])
    return body.recipe(base.id, tasks, [dataset.id for dataset in texts])


async def _out(run: TrainingRun, session: Session) -> TrainingRunOut:
    return TrainingRunOut.of(run, await why_waiting(session, run.queue) if run.status == "queued" else None)


def _still_good(run: TrainingRun, catalog: Catalog) -> bool:
    return run.status in store.UNFINISHED or run.model in {version.id for version in catalog.versions()}


@router.get("")
async def list_training_runs(
    session: SessionDep, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 20
) -> TrainingRunListOut:
    """Training runs, newest first."""
    runs, next_cursor = await store.list_runs(session, cursor=cursor, limit=limit)
    return TrainingRunListOut(data=[TrainingRunOut.of(run) for run in runs], next_cursor=next_cursor)


async def _existing_run(run_id: str, session: SessionDep) -> TrainingRun:
    return await store.find_run(session, run_id)


RunDep = Annotated[TrainingRun, Depends(_existing_run)]


@router.get("/{run_id}")
async def get_training_run(run: RunDep, session: SessionDep) -> TrainingRunOut:
    """One training run."""
    return await _out(run, session)


@router.get("/{run_id}/events", response_class=EventSourceResponse)
async def stream_training_events(run: RunDep, database: DatabaseDep) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `progress` at every change, `end` when the run is over."""
    last = None
    while True:
        async with transaction(database) as session:
            now = await store.find_run(session, run.id)
        event = TrainingEventOut.model_validate(now, from_attributes=True)
        over = now.status not in store.UNFINISHED
        if over or event != last:
            yield ServerSentEvent(event="end" if over else "progress", data=event)
        if over:
            return
        last = event
        await asyncio.sleep(POLL_S)


@router.post("/{run_id}/cancel")
async def cancel_training_run(run: RunDep, session: SessionDep, jobs: JobsDep) -> TrainingRunOut:
    """Ends a run at its next step."""
    if not await store.set_status(session, run.id, "cancelled"):
        raise Conflict(f"Training run {run.id} is over already: {run.status}.")
    await jobs.cancel(run.id)
    await session.refresh(run)
    return TrainingRunOut.of(run)
