"""Comparisons as files: JSON Lines with one comparison a line, CSV with one output a line."""

import json
from collections.abc import AsyncIterator
from typing import Any

from app.comparisons.schemas import ComparisonOut, OutputOut
from app.comparisons.store import Pair
from app.datasets.export import csv_line

COLUMNS = (
    "id",
    "created_at",
    "kind",
    "input",
    "sampling",
    "seed",
    "agreement",
    "position",
    "model",
    "version",
    "digest",
    "text",
    "label",
    "label_mass",
    "margin",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "queue_ms",
    "ttft_ms",
    "total_ms",
    "error",
)


async def to_jsonl(pairs: AsyncIterator[Pair]) -> AsyncIterator[str]:
    async for comparison, outputs in pairs:
        yield ComparisonOut.of(comparison, outputs).model_dump_json() + "\n"


async def to_csv(pairs: AsyncIterator[Pair]) -> AsyncIterator[str]:
    """What is no single value is JSON in its cell; an apostrophe stands before a text that a spreadsheet would compute."""
    yield csv_line(COLUMNS)
    async for comparison, outputs in pairs:
        out = ComparisonOut.of(comparison, outputs)
        for position, output in enumerate(out.outputs):
            cells = _cells(out, position, output)
            yield csv_line([cells[column] for column in COLUMNS])


def _cells(out: ComparisonOut, position: int, output: OutputOut) -> dict[str, Any]:
    timing, usage = output.timing, output.usage
    return {
        "id": out.id,
        "created_at": out.created_at.isoformat(),
        "kind": out.kind,
        "input": json.dumps(out.input, ensure_ascii=False),
        "sampling": json.dumps(out.sampling),
        "seed": out.seed,
        "agreement": out.agreement,
        "position": position,
        "prompt_tokens": usage and usage.prompt_tokens,
        "completion_tokens": usage and usage.completion_tokens,
        "queue_ms": timing and timing.queue_ms,
        "ttft_ms": timing and timing.ttft_ms,
        "total_ms": timing and timing.total_ms,
        "error": output.error and output.error.message,
        **output.model_dump(include={"model", "version", "digest", "text", "label", "label_mass", "margin", "finish_reason"}),
    }
