"""Scorecards over HTTP: asked for, followed, listed, read as Markdown, cancelled."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.benchmarks import routes as benchmarks
from app.benchmarks import store as runs
from app.benchmarks import tasks
from app.benchmarks.schemas import EventOut, RunIn
from app.benchmarks.scorecard import render, store
from app.benchmarks.scorecard.schemas import ScorecardIn, ScorecardListOut, ScorecardOut
from app.benchmarks.scorecard.steps import STEPS
from app.catalog.catalog import ModelVersion
from app.database.session import transaction
from app.database.tables import Run, Scorecard
from app.datasets.store import find_dataset
from app.deps import CatalogDep, DatabaseDep, EnginesDep, JobsDep, SessionDep, SettingsDep
from app.errors import Conflict, Unprocessable
from app.jobs.names import BENCHMARK_QUEUE, SCORECARD_WORKFLOW

router = APIRouter(prefix="/v1/scorecards", tags=["scorecards"])


@router.post("", status_code=status.HTTP_202_ACCEPTED)
async def create_scorecard(
    body: ScorecardIn,
    settings: SettingsDep,
    database: DatabaseDep,
    catalog: CatalogDep,
    engines: EnginesDep,
    jobs: JobsDep,
    response: Response,
) -> ScorecardOut:
    """Measures the five reasons for a pair; a worker does it. Versions and digests are fixed now."""
    general, custom = catalog.find(body.general or settings.general_model), catalog.find(body.custom)
    if general.id == custom.id:
        raise Conflict(f"{general.id} would be measured against itself; name two models.")
    # 1. What cannot be done is refused before anything is queued.
    async with transaction(database) as session:
        await tasks.find_task(session, body.task)
        rules = await tasks.find_task(session, body.rules_task)
        if strangers := sorted(set(body.refusals) - set(rules.labels)):
            raise Unprocessable(
                f"Task {rules.name!r} has no label {strangers[0]!r}; its labels are {', '.join(rules.labels) or 'none'}.",
                param="refusals",
            )
        if body.general_texts is not None:
            await find_dataset(session, body.general_texts)
        for name, task in ((body.run, body.task), (body.rules_run, body.rules_task)):
            if name is not None:
                _check(await runs.find_run(session, name), task, (general, custom))
    # 2. Runs that are missing: queued first, so that they are over when the scorecard's turn comes.
    found = {"task": body.run, "rules": body.rules_run}
    if found["rules"] is None and body.rules_task == body.task:
        found["rules"] = body.run
    started = []
    for part, task in (("task", body.task), ("rules", body.rules_task)):
        if found[part] is None:
            run_in = RunIn(
                models=[general.id, custom.id],
                limit=body.limit,
                validation_cases=body.validation_cases,
                seed=body.seed,
                **({} if part == "task" else {"baselines": [], "repeats": 0, "rewordings": 0}),
            )
            run = await benchmarks.start_run(task, run_in, database, catalog, engines, jobs, Response())
            found[part] = run.id
            started.append(run.id)
            if body.rules_task == body.task:
                found["rules"] = run.id
    # 3. The scorecard behind them.
    config = {
        **body.model_dump(mode="json"),
        "general": _told(general),
        "custom": _told(custom),
        "run": found["task"],
        "rules_run": found["rules"],
        "started": started,
    }
    async with transaction(database) as session:
        scorecard = await store.create(session, body.task, config, len(STEPS))
    await jobs.enqueue(SCORECARD_WORKFLOW, BENCHMARK_QUEUE, scorecard.id)
    response.headers["Location"] = f"/v1/scorecards/{scorecard.id}"
    return ScorecardOut.of(scorecard)


@router.get("")
async def list_scorecards(
    session: SessionDep, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 20
) -> ScorecardListOut:
    """Scorecards, newest first, without their results."""
    found, next_cursor = await store.listed(session, cursor=cursor, limit=limit)
    return ScorecardListOut(
        data=[ScorecardOut.of(one).model_copy(update={"result": None}) for one in found], next_cursor=next_cursor
    )


@router.get("/{scorecard_id}")
async def get_scorecard(scorecard_id: str, session: SessionDep) -> ScorecardOut:
    """One scorecard; its result when it succeeded."""
    return ScorecardOut.of(await store.find(session, scorecard_id))


async def _existing(scorecard_id: str, session: SessionDep) -> Scorecard:
    return await store.find(session, scorecard_id)


@router.get("/{scorecard_id}/events", response_class=EventSourceResponse)
async def stream_events(
    scorecard: Annotated[Scorecard, Depends(_existing)], database: DatabaseDep
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `progress` at every step, `end` when the scorecard is over."""

    async def look() -> EventOut:
        async with transaction(database) as session:
            return EventOut.model_validate(await store.find(session, scorecard.id), from_attributes=True)

    async for event in benchmarks.events(look):
        yield event


@router.get("/{scorecard_id}/report", response_model=None)
async def get_scorecard_report(
    scorecard_id: str, session: SessionDep, format: Literal["md", "json"] = "md"
) -> Response | dict[str, Any]:
    """The reasons of a scorecard that succeeded."""
    scorecard = await store.find(session, scorecard_id)
    if scorecard.result is None:
        why = f": {scorecard.error}" if scorecard.error else ""
        raise Conflict(
            f"Scorecard {scorecard.id} has no report, it is {scorecard.status}{why}. "
            f"GET /v1/scorecards/{scorecard.id} tells how it goes."
        )
    if format == "json":
        return scorecard.result
    return Response(render.to_markdown(scorecard.result), media_type="text/markdown; charset=utf-8")


@router.post("/{scorecard_id}/cancel")
async def cancel_scorecard(scorecard_id: str, session: SessionDep, jobs: JobsDep) -> ScorecardOut:
    """Ends a scorecard, and the runs that were started for it."""
    scorecard = await store.find(session, scorecard_id)
    if not await store.set_status(session, scorecard.id, "cancelled"):
        raise Conflict(f"Scorecard {scorecard.id} is over already: {scorecard.status}.")
    for job in (*scorecard.config["started"], scorecard.id):
        if job != scorecard.id:
            await runs.set_status(session, job, "cancelled")
        await jobs.cancel(job)
    await session.refresh(scorecard)
    return ScorecardOut.of(scorecard)


def _check(run: Run, task: str, pair: tuple[ModelVersion, ModelVersion]) -> None:
    """Raises Conflict for a run of another task or without one of the two, or one that will have no answers."""
    if run.task != task:
        raise Conflict(f"Run {run.id} is of the task {run.task!r}, not of {task!r}; name a run of {task!r} or leave it out.")
    digests = {arm["digest"] for arm in run.config["arms"]}
    for model in pair:
        if model.digest not in digests:
            raise Conflict(f"Run {run.id} did not measure {model.id} as it is now; leave the run out to start one.")
    if run.status in ("failed", "cancelled"):
        raise Conflict(f"Run {run.id} {run.status}; leave it out to start one.")


def _told(model: ModelVersion) -> dict[str, Any]:
    """What the worker and the reader need to know of a model. Bytes: a LoRA variant needs its base's weights too."""
    return {
        "id": model.id,
        "digest": model.digest,
        "kind": model.card.kind,
        "parameters": model.card.parameters,
        "bytes": model.bytes + (model.base.bytes if model.base else 0),
        "price": model.card.price.model_dump(mode="json"),
    }
