"""A run's answers over HTTP, whole, as Versus or its peers write them."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from app.benchmarks import store
from app.benchmarks.gate.runfile import RunFile, load
from app.benchmarks.gate.sides import side
from app.benchmarks.peers import harness, inspect
from app.deps import SessionDep

router = APIRouter(prefix="/v1", tags=["benchmarks"])

PEERS: dict[str, Callable[[RunFile, str], Iterator[dict[str, Any]]]] = {"lm-eval": harness.samples, "inspect": inspect.samples}


@router.get("/runs/{run_id}/export", response_model=None)
async def export_run(
    run_id: str,
    session: SessionDep,
    format: Literal["versus", "lm-eval", "inspect"] = "versus",
    arm: Annotated[str | None, Query(description="for a peer's format; by default the run's only custom arm")] = None,
) -> Response:
    """versus: one JSON with the run, its cases and answers (of one arm if named), which `versus gate` reads offline.
    lm-eval and inspect: one arm's samples as JSON lines."""
    file = await load(session, await store.find_run(session, run_id))
    if format == "versus":
        kept = file if arm is None else only(file, arm)
        return Response(await asyncio.to_thread(kept.model_dump_json), media_type="application/json")
    file.require_labels(f"{format} samples are")
    samples = PEERS[format](file, side(file, arm).result.arm)
    return StreamingResponse(
        (json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n" for sample in samples), media_type="application/jsonl"
    )


def only(file: RunFile, arm: str) -> RunFile:
    """Without the answers of other arms. Raises NotFound for an arm that the run does not have."""
    side(file, arm)
    return file.model_copy(update={"answers": [answer for answer in file.answers if answer.arm == arm]})
