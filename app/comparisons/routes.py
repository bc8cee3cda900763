"""Comparisons over HTTP: make one, list them, read one, export all."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from app.comparisons import export, store
from app.comparisons.compare import compare
from app.comparisons.schemas import CompareIn, ComparisonListOut, ComparisonOut
from app.comparisons.stream import stream
from app.deps import DatabaseDep, SessionDep
from app.inference.deps import ServingDep
from app.inference.routes import EventStream, begun
from app.inference.together import while_connected

router = APIRouter(prefix="/v1", tags=["comparisons"])

EXPORTS = {"jsonl": ("application/jsonl", export.to_jsonl), "csv": ("text/csv; charset=utf-8", export.to_csv)}


@router.post("/compare", response_model=None, responses={200: {"model": ComparisonOut}})
async def create_comparison(body: CompareIn, request: Request, serving: ServingDep) -> ComparisonOut | EventStream:
    """Gives one input to several models at once. A model that fails has its own error; the others answer."""
    if not body.stream:
        return await while_connected(request.receive, compare(body, serving))
    events = stream(body, serving)
    return EventStream(await begun(events, request), events)


@router.get("/comparisons")
async def list_comparisons(
    session: SessionDep, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> ComparisonListOut:
    """All comparisons, newest first."""
    found, next_cursor = await store.page_comparisons(session, cursor=cursor, limit=limit)
    return ComparisonListOut(data=[ComparisonOut.of(*pair) for pair in found], next_cursor=next_cursor)


# Before the route of one comparison, which would take "export" for an id.
@router.get("/comparisons/export", response_class=StreamingResponse)
async def export_comparisons(database: DatabaseDep, format: Literal["jsonl", "csv"] = "jsonl") -> StreamingResponse:
    """All comparisons, oldest first: as JSON Lines, one comparison a line, or as CSV, one output a line."""
    media_type, render = EXPORTS[format]
    headers = {"Content-Disposition": f'attachment; filename="comparisons.{format}"'}
    return StreamingResponse(render(store.all_comparisons(database)), media_type=media_type, headers=headers)


@router.get("/comparisons/{comparison_id}")
async def get_comparison(comparison_id: str, session: SessionDep) -> ComparisonOut:
    """One comparison."""
    return ComparisonOut.of(*await store.find_comparison(session, comparison_id))
