"""A comparison as server-sent events: each text as it comes, each whole output, and the logged comparison at the end."""

import asyncio
import json
from collections.abc import AsyncGenerator

import structlog
from pydantic import BaseModel

from app.comparisons.compare import Output, compare, output_row
from app.comparisons.schemas import CompareIn, DeltaOut, OutputOut
from app.errors import VersusError
from app.inference.serving import Serving
from app.inference.together import to_the_end
from app.inference.wire import LAST_EVENT

log = structlog.get_logger(__name__)


async def stream(body: CompareIn, serving: Serving) -> AsyncGenerator[str, None]:
    """Raises before the first event like `compare`. Close it: that stops the models, and what they said is logged."""
    events: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(output: Output, text: str | None) -> None:
        if text is None:
            events.put_nowait(_event("output", OutputOut.of(output_row("", output))))
        else:
            events.put_nowait(_event("delta", DeltaOut(index=output.position, model=output.name, text=text)))

    told_any = False
    comparing = asyncio.create_task(compare(body, serving, tell))
    comparing.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (told := await events.get()) is not None:
            told_any = True
            yield told
        try:
            whole = comparing.result()
        except Exception as error:
            if not told_any:
                raise
            log.exception("a comparison failed after its answers")
            failed = error if isinstance(error, VersusError) else VersusError("The comparison could not be kept; see the log.")
            yield f"event: error\ndata: {json.dumps(failed.body())}\n\n"
            return
        yield _event("comparison", whole)
        yield LAST_EVENT
    finally:
        comparing.cancel()
        await to_the_end(_ended(comparing))


async def _ended(task: "asyncio.Task[object]") -> None:
    await asyncio.gather(task, return_exceptions=True)


def _event(kind: str, data: BaseModel) -> str:
    return f"event: {kind}\ndata: {data.model_dump_json()}\n\n"
