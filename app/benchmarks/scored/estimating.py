"""Puts sampled cases of a kind without labels to the arms of a run, in this process, so that its time can be estimated."""

import time
from collections.abc import Sequence
from typing import Any

from app.benchmarks.runner import Arm, Case
from app.benchmarks.scored.wording import Wording, read
from app.database.base import new_id
from app.inference.asked import chat_requests, completion_requests
from app.inference.extract import extract
from app.inference.generate import Generations
from app.inference.schemas import ChatIn, CompletionIn, ExtractIn
from app.inference.serving import Serving
from app.inference.wire import usage


async def timed(
    arm: Arm, wording: Wording, examples: Sequence[Case], texts: Sequence[str], serving: Serving, *, rerun: bool
) -> tuple[list[tuple[int, int]], float]:
    """(prompt tokens, answer tokens) of each text, and the seconds of all. Raises VersusError."""
    sampling = {"temperature": 1.0 if rerun else 0.0, "seed": 0}
    bodies: list[Any]
    if wording.task.kind == "perplexity":
        model = serving.catalog.find(arm.model)
        ids = [await serving.engines.of(model).tokenize(model, text, add_special_tokens=True) for text in texts]
        bodies = [CompletionIn.model_validate(read(arm.model, one)) for one in ids]
    elif wording.held(arm.grammar):
        bodies = [ExtractIn.model_validate(wording.extract(arm.model, text, examples, sampling)) for text in texts]
    else:
        bodies = [ChatIn.model_validate(wording.chat(arm.model, text, examples, sampling)) for text in texts]
    started = time.perf_counter()
    used = [await _used(body, serving) for body in bodies]
    return used, time.perf_counter() - started


async def _used(body: ChatIn | CompletionIn | ExtractIn, serving: Serving) -> tuple[int, int]:
    if isinstance(body, ExtractIn):
        told = (await extract(body, serving)).results[0].usage
    elif isinstance(body, ChatIn):
        told = usage(await Generations(serving, "chat", new_id("chatcmpl"), chat_requests(body, serving)).complete(), 1)
    else:
        requests = completion_requests(body, serving)
        told = usage(await Generations(serving, "completions", new_id("cmpl"), requests).complete(), 1)
    return told.prompt_tokens, told.completion_tokens
