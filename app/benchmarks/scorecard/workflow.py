"""A scorecard as a durable workflow: killed anywhere and started again, it goes on with the step that was in hand."""

from typing import Any

from dbos import DBOS

from app.benchmarks.client import ServiceClient
from app.benchmarks.scorecard import store
from app.benchmarks.scorecard.asking import check_digests
from app.benchmarks.scorecard.judgement import RULE, Evidence, judge
from app.benchmarks.scorecard.steps import STEPS, Work, measure
from app.database.session import DatabaseError, transaction
from app.errors import VersusError
from app.jobs.context import current
from app.jobs.names import SCORECARD_WORKFLOW


@DBOS.workflow(name=SCORECARD_WORKFLOW)
async def scorecard(scorecard_id: str) -> None:
    """Ends with the scorecard succeeded, failed with a sentence, or cancelled."""
    try:
        if not await _set_status(scorecard_id, "running"):
            return
        measured = [await measured_step(scorecard_id, step) for step in STEPS]
        if None not in measured:
            await finish(scorecard_id, measured)
    except VersusError as error:
        await _set_status(scorecard_id, "failed", error=error.message)
    except Exception as error:
        await _set_status(
            scorecard_id, "failed", error=f"Unexpected: {type(error).__name__}: {error}. The worker's log has more."
        )
        raise


# ---- Steps: each is written down when done, and skipped when a resumed scorecard comes by again


def _database_lost(error: BaseException) -> bool:
    return isinstance(error, DatabaseError)


step = DBOS.step(retries_allowed=True, max_attempts=6, should_retry=_database_lost)


@step
async def measured_step(scorecard_id: str, name: str) -> Evidence | dict[str, Any] | None:
    """None when the scorecard is over already: it was cancelled."""
    database = current().database
    async with transaction(database) as session:
        found = await store.find(session, scorecard_id)
        progress = {"done": STEPS.index(name), "total": len(STEPS), "step": name}
        if not await store.set_progress(session, scorecard_id, progress):
            return None
    async with ServiceClient(current().settings.api) as client:
        work = Work(found.config, found.task, database, client)
        await check_digests(client, work.pair)
        return await measure(work, name)


@step
async def finish(scorecard_id: str, measured: list[Evidence | dict[str, Any] | None]) -> None:
    """Judges the reasons together and stores the result."""
    async with transaction(current().database) as session:
        found = await store.find(session, scorecard_id)
    config = found.config
    reasons = judge([one for one in measured if isinstance(one, Evidence)])
    result = {
        "task": found.task,
        "general": config["general"],
        "custom": config["custom"],
        "run": config["run"],
        "rules_run": config["rules_run"],
        "seed": config["seed"],
        "rule": RULE,
        "reasons": reasons,
        "generality": next(one for one in measured if isinstance(one, dict)),
    }
    async with transaction(current().database) as session:
        await store.set_progress(session, scorecard_id, {"done": len(STEPS), "total": len(STEPS), "step": None})
        await store.set_status(session, scorecard_id, "succeeded", result=result)


async def _set_status(scorecard_id: str, status: str, **values: Any) -> bool:
    async with transaction(current().database) as session:
        return await store.set_status(session, scorecard_id, status, **values)
