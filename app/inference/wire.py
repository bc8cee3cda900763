"""What goes out with every answer: token counts, timings, identity; and how it becomes JSON."""

import math
from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.catalog.catalog import ModelVersion
from app.engines.base import Done
from app.errors import BrokenWeights
from app.inference.generate import Answer

_LOWEST = -9999.0  # JSON has no -Infinity; OpenAI's own stand-in for it


class UsageOut(BaseModel):
    """Token counts; a prompt with several answers counts once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TimingOut(BaseModel):
    """Milliseconds: waiting for the engine, to the first token, in all; of several answers, the longest."""

    queue_ms: float | None
    ttft_ms: float | None = None
    total_ms: float


class VersusOut(BaseModel):
    """Which weights answered, and how to ask for the very same answer again."""

    model: str
    version: int
    digest: str
    seed: int = Field(description="as asked, or drawn by the server; the k-th of n answers used seed + k")
    timing: TimingOut


def fingerprint(model: ModelVersion) -> str:
    return f"fp_{model.digest[:16]}"


def usage(answers: Sequence[Answer], per_prompt: int) -> UsageOut:
    """`per_prompt` answers in a row belong to one prompt."""
    prompt = sum(done_of(answer).prompt_tokens for answer in answers[::per_prompt])
    completion = sum(done_of(answer).completion_tokens for answer in answers)
    return UsageOut(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def timing(done: Sequence[Done]) -> TimingOut:
    first = [one.ttft_ms for one in done if one.ttft_ms is not None]
    return TimingOut(
        queue_ms=max(one.queue_ms for one in done), ttft_ms=max(first, default=None), total_ms=max(one.total_ms for one in done)
    )


def versus(answers: Sequence[Answer]) -> VersusOut:
    """`answers`: at least one, all of the same model, in order."""
    request = answers[0].request
    return VersusOut(
        model=request.model.name,
        version=request.model.card.version,
        digest=request.model.digest,
        seed=request.sampling.seed,
        timing=timing([done_of(answer) for answer in answers]),
    )


def done_of(answer: Answer) -> Done:
    assert answer.done is not None, "asked for before its end"
    return answer.done


def natural_log(logprob: float, model: ModelVersion) -> float:
    """As JSON can hold it. Raises BrokenWeights."""
    if math.isnan(logprob):
        raise BrokenWeights(model.id)
    return max(logprob, _LOWEST)


def event(data: BaseModel) -> str:
    """One server-sent event; fields that were not set are left out."""
    return f"data: {data.model_dump_json(exclude_unset=True)}\n\n"


LAST_EVENT = "data: [DONE]\n\n"
