"""Deltas over HTTP: a run against a chosen baseline run."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from app.benchmarks import store
from app.benchmarks.gate.deltas import Deltas, deltas
from app.benchmarks.gate.grammar import STEP
from app.benchmarks.gate.runfile import RunFile, load
from app.benchmarks.gate.schemas import DeltasOut, ScoredDeltasOut, page, scored_page
from app.benchmarks.gate.scored_deltas import ScoredDeltas, require_scores, scored_deltas
from app.benchmarks.gate.sides import against, side
from app.deps import SessionDep
from app.errors import InvalidRequest

router = APIRouter(prefix="/v1", tags=["benchmarks"])


@router.get("/runs/{run_id}/deltas")
async def get_deltas(
    run_id: str,
    session: SessionDep,
    baseline: Annotated[str, Query(description="a run's id; it may be this run, with baseline_arm")],
    arm: Annotated[str | None, Query(description="by default the run's only custom arm")] = None,
    baseline_arm: Annotated[str | None, Query(description="by default the arm of the same name or model")] = None,
    change: Literal["improved", "regressed", "flipped"] | None = None,
    label: Annotated[str | None, Query(description="only cases of this gold label")] = None,
    step: Annotated[float | None, Query(ge=0, le=100, description=f"of scores: a smaller change is none; {STEP}")] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DeltasOut | ScoredDeltasOut:
    """Which cases improved, regressed, or are wrong in another way since a baseline, with the paired test. Where cases get
    scores: which got better or worse by more than `step`."""
    if cursor is not None and not cursor.isdecimal():
        raise InvalidRequest("The cursor is not one that a list returned; leave it out to start.", param="cursor")
    this = await load(session, await store.find_run(session, run_id))
    other = this if baseline == run_id else await load(session, await store.find_run(session, baseline))
    if this.scale is not None:
        require_scores(change, label)
        scored = await asyncio.to_thread(_scored, this, arm, other, baseline_arm, STEP if step is None else step)
        changed, after = scored_page(scored, change=change, after=int(cursor or 0), limit=limit)
        return ScoredDeltasOut.model_validate(
            {**vars(scored), "data": changed, "next_cursor": None if after is None else str(after)}, from_attributes=True
        )
    if step is not None:
        raise InvalidRequest("Labels are right or wrong; step goes with runs whose cases get scores.", param="step")
    if label is not None and label not in this.labels:
        raise InvalidRequest(f"{label!r} is no label of the run; its labels are {', '.join(this.labels)}.", param="label")
    found = await asyncio.to_thread(_compared, this, arm, other, baseline_arm)
    cases, after = page(found, change=change, label=label, after=int(cursor or 0), limit=limit)
    return DeltasOut.model_validate(
        {**vars(found), "data": cases, "next_cursor": None if after is None else str(after)}, from_attributes=True
    )


def _scored(this: RunFile, arm: str | None, other: RunFile, baseline_arm: str | None, step: float) -> ScoredDeltas:
    chosen = side(this, arm)
    assert this.scale is not None
    return scored_deltas(chosen, against(chosen, other, baseline_arm), this.scale, step)


def _compared(this: RunFile, arm: str | None, other: RunFile, baseline_arm: str | None) -> Deltas:
    chosen = side(this, arm)
    return deltas(chosen, against(chosen, other, baseline_arm))
