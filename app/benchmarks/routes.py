"""Benchmarks over HTTP: tasks, and runs with their progress, predictions and report."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.benchmarks import checking, own_tasks, report, runner, store, tasks
from app.benchmarks.checking import CheckOut
from app.benchmarks.definition import LABELLED, Task
from app.benchmarks.estimate import estimate
from app.benchmarks.report.collect import collect
from app.benchmarks.runner import Arm
from app.benchmarks.schemas import (
    EventOut,
    PredictionListOut,
    PredictionOut,
    RunEstimateOut,
    RunIn,
    RunListOut,
    RunOut,
    TaskListOut,
    TaskOut,
)
from app.benchmarks.scored.baselines import BASELINES
from app.benchmarks.scored.scales import scale_of
from app.benchmarks.summary import Summary
from app.catalog.catalog import Catalog
from app.database.session import Database, transaction
from app.database.tables import Run
from app.datasets.schemas import DatasetOut
from app.datasets.store import find_dataset
from app.deps import CatalogDep, DatabaseDep, EnginesDep, JobsDep, SessionDep, SettingsDep
from app.engines.registry import Engines
from app.errors import Conflict, InvalidRequest, NotFound
from app.inference.deps import ServingDep
from app.jobs.names import BENCHMARK_QUEUE, BENCHMARK_WORKFLOW

router = APIRouter(prefix="/v1", tags=["benchmarks"])

POLL_S = 0.5  # between two looks at a run whose events are read
HTML, MARKDOWN = "text/html; charset=utf-8", "text/markdown; charset=utf-8"
REPORTS: dict[str, tuple[str, Callable[[Summary, report.Facts], str]]] = {
    "html": (HTML, report.to_html),
    "md": (MARKDOWN, report.to_markdown),
    "csv": ("text/csv; charset=utf-8", report.to_csv),
    "pack": (HTML, report.to_pack),
    "pack-md": (MARKDOWN, report.to_pack_markdown),
}

Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/benchmarks")
async def list_benchmarks(session: SessionDep) -> TaskListOut:
    """All tasks: the built-in ones, the newest version of each that a user defined, and one per uploaded dataset."""
    return TaskListOut(data=[TaskOut.of(known) for known in await tasks.find_all(session)])


@router.get("/benchmarks/{task}")
async def get_benchmark(task: str, session: SessionDep) -> TaskOut:
    """One task; `name@version` is a version of a user's task, also after it was removed."""
    return TaskOut.of(await tasks.find(session, task))


@router.post("/benchmarks", status_code=status.HTTP_201_CREATED, responses={200: {"model": TaskOut}})
async def define_benchmark(body: Task, session: SessionDep, response: Response) -> TaskOut:
    """Makes a task, or the next version of a user's task of that name; the very same definition returns its version."""
    known, is_new = await own_tasks.define(session, body)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    response.headers["Location"] = f"/v1/benchmarks/{known.reference}"
    return TaskOut.of(known)


@router.post("/benchmarks/check")
async def check_benchmark(
    body: Task,
    session: SessionDep,
    catalog: CatalogDep,
    engines: EnginesDep,
    settings: SettingsDep,
    model: Annotated[
        list[str] | None, Query(max_length=20, description="whose context; by default the general model's")
    ] = None,
) -> CheckOut:
    """What adding this task would find: why it would be refused, labels without rows, texts over a context. Stores nothing."""
    models = [catalog.find(name) for name in model or [settings.general_model]]
    return await checking.check(session, body, models, engines)


@router.put("/benchmarks/{task}")
async def redefine_benchmark(task: str, body: Task, session: SessionDep) -> TaskOut:
    """The next version of a user's task. Runs that are under way go on with theirs."""
    if body.name != task:
        raise InvalidRequest(f"The body is of the task {body.name!r} and the path of {task!r}; name one.", param="name")
    known = await tasks.find(session, task)
    if known.origin == "dataset":
        raise NotFound(f"No user defined a task named {task!r}; POST /v1/benchmarks makes one.", param="name")
    return TaskOut.of((await own_tasks.define(session, body))[0])


@router.delete("/benchmarks/{task}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_benchmark(task: str, session: SessionDep) -> None:
    """Removes a user's task, all versions of it, unless a run that is not over uses it. Runs that are over keep theirs."""
    await own_tasks.remove(session, task)


@router.post("/benchmarks/{task}/dataset")
async def make_dataset(task: str, database: DatabaseDep) -> DatasetOut:
    """The dataset version that a run of the task would use now; rows that a domain generates are made at the first call."""
    async with transaction(database) as session:
        found = await tasks.find_task(session, task)
    data = await tasks.dataset_of(database, found)
    async with transaction(database) as session:
        return DatasetOut.of(await find_dataset(session, data.id))


@router.post("/benchmarks/{task}/runs", status_code=status.HTTP_202_ACCEPTED)
async def start_run(
    task: str,
    body: RunIn,
    database: DatabaseDep,
    catalog: CatalogDep,
    engines: EnginesDep,
    jobs: JobsDep,
    response: Response,
) -> RunOut:
    """Compares models on a task; a worker does it. The models' versions and digests are fixed now."""
    known, dataset, models = await _asked(task, body, database, catalog, engines)
    config = _config(body, known, dataset, [*_baselines(body, known.task), *models])
    # Committed before it is queued: a worker may look for the run at once.
    async with transaction(database) as session:
        run = await store.create_run(session, known.task.name, dataset.id, config)
    await jobs.enqueue(BENCHMARK_WORKFLOW, BENCHMARK_QUEUE, run.id)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    return RunOut.of(run)


@router.post("/benchmarks/{task}/runs/estimate")
async def estimate_run(task: str, body: RunIn, database: DatabaseDep, serving: ServingDep) -> RunEstimateOut:
    """Calls, tokens, time and money of a run, from a few cases that each model really answers. Starts nothing."""
    known, dataset, models = await _asked(task, body, database, serving.catalog, serving.engines)
    async with transaction(database) as session:
        rows = await store.rows(session, dataset.id)
    config = _config(body, known, dataset, [*_baselines(body, known.task), *models])
    return await estimate(config, known.reference, models, rows, serving)


@router.get("/runs")
async def list_runs(session: SessionDep, task: str | None = None, cursor: str | None = None, limit: Limit = 20) -> RunListOut:
    """Runs, newest first, without their summaries."""
    runs, next_cursor = await store.list_runs(session, task=task, cursor=cursor, limit=limit)
    return RunListOut(data=[RunOut.of(run).model_copy(update={"summary": None}) for run in runs], next_cursor=next_cursor)


@router.get("/runs/{run_id}")
async def get_run(run_id: str, session: SessionDep) -> RunOut:
    """One run; its summary when it succeeded."""
    return RunOut.of(await store.find_run(session, run_id))


async def _existing_run(run_id: str, session: SessionDep) -> Run:
    return await store.find_run(session, run_id)


@router.get("/runs/{run_id}/events", response_class=EventSourceResponse)
async def stream_events(run: Annotated[Run, Depends(_existing_run)], database: DatabaseDep) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `progress` at every change, `end` when the run is over."""

    async def look() -> EventOut:
        async with transaction(database) as session:
            return EventOut.model_validate(await store.find_run(session, run.id), from_attributes=True)

    async for event in events(look):
        yield event


async def events(look: Callable[[], Awaitable[EventOut]]) -> AsyncIterator[ServerSentEvent]:
    """`progress` whenever what `look` sees has changed, `end` when it is over."""
    last = None
    while True:
        now = await look()
        over = now.status not in store.UNFINISHED
        if over or now != last:
            yield ServerSentEvent(event="end" if over else "progress", data=now)
        if over:
            return
        last = now
        await asyncio.sleep(POLL_S)


@router.get("/runs/{run_id}/predictions")
async def list_predictions(
    run: Annotated[Run, Depends(_existing_run)],
    session: SessionDep,
    arm: str | None = None,
    condition: str | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PredictionListOut:
    """Every answer of a run, also while it goes on."""
    found, next_cursor = await store.page_predictions(session, run.id, arm=arm, condition=condition, cursor=cursor, limit=limit)
    return PredictionListOut(data=[PredictionOut.of(prediction) for prediction in found], next_cursor=next_cursor)


@router.get("/runs/{run_id}/report", response_model=None)
async def get_report(
    run_id: str,
    database: DatabaseDep,
    catalog: CatalogDep,
    settings: SettingsDep,
    format: Literal["html", "md", "json", "csv", "pack", "pack-md"] = "html",
    examples: Annotated[
        int, Query(ge=0, le=50, description="texts of so many cases that custom fixed, and broke; 0 shows no text")
    ] = 5,
) -> Response | dict[str, Any]:
    """The verdict and the numbers of a run that succeeded, or its model-risk pack."""
    # Drawing takes a while: the database is let go before.
    async with transaction(database) as session:
        run = await store.find_run(session, run_id)
        if run.summary is None:
            why = f": {run.error}" if run.error else ""
            raise Conflict(f"Run {run.id} has no report, it is {run.status}{why}. Follow it at /v1/runs/{run.id}/events.")
        summary = run.summary
        if format == "json":
            return summary
        facts = await collect(session, run, catalog, settings, examples)
    media_type, render = REPORTS[format]
    return Response(await asyncio.to_thread(render, summary, facts), media_type=media_type)


@router.post("/runs/{run_id}/cancel")
async def cancel_run(run: Annotated[Run, Depends(_existing_run)], session: SessionDep, jobs: JobsDep) -> RunOut:
    """Ends a run after the cases in hand; what it answered stays."""
    if not await store.set_status(session, run.id, "cancelled"):
        raise Conflict(f"Run {run.id} is over already: {run.status}.")
    await jobs.cancel(run.id)
    await session.refresh(run)
    return RunOut.of(run)


async def _asked(
    name: str, body: RunIn, database: Database, catalog: Catalog, engines: Engines
) -> tuple[tasks.Known, store.Data, list[Arm]]:
    """What a run is about: the task, the version of its data, and an arm for each way that a model is asked."""
    async with transaction(database) as session:
        known = await tasks.find(session, name)
    models = _models(body, catalog, engines, known.task)  # refuses names before a built-in's data is written
    dataset = await tasks.dataset_of(database, known.task)
    learned = {version.id for version in catalog.versions() if dataset.id in version.card.made.refitted_on}
    models = [replace(arm, refitted=arm.model in learned) for arm in models]
    runner.check_splits(dataset.sizes, dataset.name)
    return known, dataset, models


def _baselines(body: RunIn, task: Task) -> list[Arm]:
    """Those of the task's kind, or those told. Raises InvalidRequest for one of another kind."""
    known = {name: make().name for name, make in runner.BASELINES.items()}
    if task.kind not in LABELLED:
        known = {name: made.name for name, (kind, made) in BASELINES.items() if kind == task.kind}
    if strangers := [name for name in body.baselines or () if name not in known]:
        raise InvalidRequest(
            f"{strangers[0]} is no baseline for the kind {task.kind}; there is {', '.join(known)}.", param="baselines"
        )
    asked = known if body.baselines is None else body.baselines
    return [Arm(name=known[name], kind="baseline", model=name) for name in asked]


def _models(body: RunIn, catalog: Catalog, engines: Engines, task: Task) -> list[Arm]:
    """Raises UnknownModel, Conflict for one version under two names, or Unavailable for an engine that is switched off."""
    few_shot = body.few_shot and task.most_examples > 0 and task.kind != "perplexity"
    arms: list[Arm] = []
    for name in body.models:
        version = catalog.find(name)
        if any(arm.model == version.id for arm in arms):
            raise Conflict(f"{name} is {version.id}, which the run has already; name each version once.")
        # What it takes to answer: a LoRA variant needs its base's weights too.
        weights = version.bytes + (version.base.bytes if version.base else 0)
        able = engines.of(version).capabilities(version)
        zero_shot = Arm(
            name=name,
            kind=version.card.kind,
            model=version.id,
            version=version.card.version,
            digest=version.digest,
            parameters=version.card.parameters,
            bytes=weights,
            scores=able.score and task.kind in LABELLED,
            grammar=able.grammar,
        )
        arms.append(zero_shot)
        if few_shot and version.card.kind == "general":
            arms.append(runner.few_shot_arm(zero_shot))
    return arms


def _config(body: RunIn, known: tasks.Known, dataset: store.Data, arms: list[Arm]) -> dict[str, Any]:
    task = known.task
    scale = scale_of(task.kind)
    again = scale is None or scale.asked_again
    return {
        **body.model_dump(mode="json"),
        "baselines": [arm.model for arm in arms if arm.kind == "baseline"],
        "repeats": (task.repeats if body.repeats is None else body.repeats) if again else 0,
        "rewordings": (task.rewordings if body.rewordings is None else body.rewordings) if again else 0,
        "task": {"reference": known.reference, "sha256": task.digest, "definition": task.model_dump(mode="json")},
        "most_examples": task.most_examples,
        "examples": task.examples.model_dump(mode="json"),
        "slices": list(task.slices),
        "cluster": task.cluster,
        "labels": list(dataset.labels if known.origin == "dataset" else task.labels),
        "dataset": {"name": dataset.name, "version": dataset.version, "sha256": dataset.sha256},
        "arms": runner.as_config(arms),
    }
