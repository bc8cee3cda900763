"""Verdicts over HTTP: asked of a finished run, stored with the question, listed and read again."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status

from app.benchmarks import store as runs
from app.benchmarks import tasks
from app.benchmarks.arms import ArmResult
from app.benchmarks.economics import Made, Price
from app.benchmarks.scored.verdict import decide_scored
from app.benchmarks.verdict import store
from app.benchmarks.verdict.costs import Costs
from app.benchmarks.verdict.decide import decide
from app.benchmarks.verdict.evidence import evidence
from app.benchmarks.verdict.schemas import VerdictIn, VerdictListOut, VerdictOut
from app.catalog.cards import Card
from app.catalog.catalog import Catalog
from app.database.session import Session, transaction
from app.deps import CatalogDep, DatabaseDep, SessionDep
from app.errors import Conflict, NotFound, Unavailable, UnknownModel

router = APIRouter(prefix="/v1/verdicts", tags=["verdicts"])


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_verdict(body: VerdictIn, database: DatabaseDep, catalog: CatalogDep, response: Response) -> VerdictOut:
    """General, custom, both, or not enough evidence: by the rule that is stated in the answer, from a run's predictions."""
    async with transaction(database) as session:
        run = await runs.find_run(session, body.run)
        if run.summary is None:
            why = f": {run.error}" if run.error else ""
            raise Conflict(f"Run {run.id} has no verdict, it is {run.status}{why}. Follow it at /v1/runs/{run.id}/events.")
        body = await _as_its_task_says(session, body, run.task)
        rows = await runs.rows(session, str(run.dataset_id))
        columns = await runs.kept_columns(session, str(run.dataset_id), "test")
        answers = await store.answers(session, run.id)
    verdict = await asyncio.to_thread(_decided, body, run.config, run.summary, (rows, columns, answers), catalog)
    async with transaction(database) as session:
        stored = await store.add_verdict(session, run.id, body.model_dump(mode="json"), verdict)
    response.headers["Location"] = f"/v1/verdicts/{stored.id}"
    return VerdictOut.of(stored)


@router.get("")
async def list_verdicts(
    session: SessionDep,
    run: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> VerdictListOut:
    """Verdicts, newest first, without their numbers."""
    found, next_cursor = await store.list_verdicts(session, run_id=run, cursor=cursor, limit=limit)
    data = [VerdictOut.of(stored).model_copy(update={"verdict": None}) for stored in found]
    return VerdictListOut(data=data, next_cursor=next_cursor)


@router.get("/{verdict_id}")
async def get_verdict(verdict_id: str, session: SessionDep) -> VerdictOut:
    """One verdict with all of its numbers."""
    return VerdictOut.of(await store.find_verdict(session, verdict_id))


async def _as_its_task_says(session: Session, body: VerdictIn, name: str) -> VerdictIn:
    """With the task's costs and recall floors, where the request gives none."""
    try:
        task = await tasks.find_task(session, name)
    except NotFound:
        return body
    # A task's matrix names what costs something; an answer that it does not name costs nothing.
    costs = Costs(currency=task.costs.currency, matrix=task.costs.matrix, wrong=0.0) if task.costs else None
    return body.model_copy(
        update={"costs": body.costs or costs, "recall_floors": body.recall_floors or dict(task.recall_floors)}
    )


def _decided(
    body: VerdictIn, config: dict[str, Any], summary: dict[str, Any], stored: tuple[Any, Any, Any], catalog: Catalog
) -> dict[str, Any]:
    found = evidence(config, summary, *stored)
    cards = {arm.arm: card for arm in found.arms if (card := _card(arm, catalog)) is not None}
    if found.scale is not None:
        # Prices of cards decide nothing here yet; those of the request are refused.
        scored = decide_scored(found.arms, found.scale, body.question({}), seed=body.seed)
        return {**asdict(scored), "task": summary["task"]}
    question = body.question(_listed(cards, body.currency))
    # The card of the custom arm is known once the arm is chosen; `decide` asks for it by name.
    made = {name: Made(card.made.seconds, card.made.energy_cost) for name, card in cards.items()}
    verdict = decide(found.arms, found.labels, question, validation=found.validation, made=made, seed=body.seed)
    return {**asdict(verdict), "cases_still_needed": verdict.cases_still_needed, "task": summary["task"]}


def _card(arm: ArmResult, catalog: Catalog) -> Card | None:
    """None for a baseline, and for a version that is no longer there or cannot be served."""
    if arm.model is None or arm.version is None:
        return None
    try:
        return catalog.find(arm.model).card
    except (UnknownModel, Unavailable):
        return None


def _listed(cards: dict[str, Card], currency: str) -> dict[str, Price]:
    """Prices that cards tell, in the currency asked for; a card that says nothing has zeros."""
    return {
        arm: Price(input_per_million=card.price.input_per_million, output_per_million=card.price.output_per_million)
        for arm, card in cards.items()
        if card.price.currency == currency and (card.price.input_per_million or card.price.output_per_million)
    }
