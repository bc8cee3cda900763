"""One input to several models at once: each answers or fails by itself, and everything is logged together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from app.catalog.cards import TrainedTask
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import as_messages
from app.comparisons import store
from app.comparisons.agreement import agreement, first_divergence
from app.comparisons.schemas import CompareIn, ComparisonOut
from app.database.base import Base, new_id, now
from app.database.tables import Comparison, ComparisonOutput
from app.engines.base import GenerateRequest, Prompt, Sampling
from app.errors import InvalidRequest, NotFound, Unprocessable, VersusError
from app.inference.asked import chat_messages, draw_seed, sampling_of
from app.inference.classify import Scored, finished, row, score, scored_timing, scored_usage
from app.inference.generate import Generations, logged_sampling, storable
from app.inference.limits import check_labels, check_prompt
from app.inference.questions import question_for
from app.inference.schemas import ClassifyIn, SamplingIn
from app.inference.serving import Serving
from app.inference.together import ClientLeft, to_the_end, too_slow
from app.inference.trained import put_to, written_task
from app.inference.wire import done_of, timing, usage

log = structlog.get_logger(__name__)

MAX_TOKENS = 256  # unless told: side by side, a model that does not end must not hold the others up for long


@dataclass
class Output:
    """What one model answered, or why it did not."""

    name: str
    position: int
    model: ModelVersion | None = None
    text: str | None = None
    label: str | None = None
    detail: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    timing: dict[str, Any] | None = None
    error: VersusError | None = None
    generations: Generations | None = None
    scored: Scored | None = None

    @property
    def words(self) -> list[str] | None:
        """What is compared; None where there is no whole answer."""
        if self.error is not None:
            return None
        return [self.label] if self.label is not None else (self.text or "").split()


Ask = Callable[[Output, ModelVersion], Awaitable[None]]
Tell = Callable[[Output, str | None], None]  # the next part of a model's text; None: the output is complete


def tell_nobody(output: Output, text: str | None) -> None:
    """For an answer that is read when it is whole."""


async def compare(body: CompareIn, serving: Serving, tell: Tell = tell_nobody) -> ComparisonOut:
    """Raises VersusError for what is wrong with the request as a whole, and NotFound when no model, or no task, is known; then
    `tell` was told nothing."""
    task = None if body.input is None else written_task(body.task, _known(body.models, serving))
    _check(body, task)
    comparison_id = new_id("cmp")
    if body.input is not None and task is None:
        check_prompt(body.input, serving.settings, "input")
        check_labels(body.labels or (), serving.settings)
        sampling, ask = None, _scoring(body, body.input, comparison_id, serving)
    else:
        sampling = sampling_of(
            body, max_tokens=body.max_tokens or MAX_TOKENS, seed=draw_seed() if body.seed is None else body.seed
        )
        if task is not None and body.temperature is None:
            sampling = replace(sampling, temperature=0.0)  # as /v1/extract does: there is one right answer
        ask = _generating(_asking(body, task, sampling, serving), comparison_id, serving, tell)
    outputs = [Output(name, position) for position, name in enumerate(body.models)]
    try:
        await asyncio.gather(*(_answer(output, ask, serving, tell) for output in outputs))
    except asyncio.CancelledError:
        # What was produced is logged, even though nobody reads it.
        for output in outputs:
            output.error = output.error or (None if output.detail else ClientLeft())
        await _log(comparison_id, body, sampling, outputs, serving)
        raise
    unknown = [output for output in outputs if isinstance(output.error, NotFound)]
    if len(unknown) == len(outputs) and unknown[0].error is not None:
        raise unknown[0].error
    for output in unknown:
        tell(output, None)
    return await _log(comparison_id, body, sampling, outputs, serving)


async def _answer(output: Output, ask: Ask, serving: Serving, tell: Tell) -> None:
    """Fills the output; a failure is its own."""
    try:
        output.model = serving.catalog.find(output.name)
        async with asyncio.timeout(serving.settings.request_timeout_s):
            await ask(output, output.model)
    except VersusError as error:
        output.error = error
    except TimeoutError:
        output.error = too_slow(serving.settings)
    except Exception:
        log.exception("a model failed in a comparison", model=output.name)
        output.error = VersusError("Something failed that should not have; the service's log tells what.")
    if not isinstance(output.error, NotFound):
        tell(output, None)


def _known(names: Sequence[str], serving: Serving) -> list[ModelVersion]:
    """The models that there are; of the others their outputs tell."""
    found = []
    for name in names:
        with suppress(NotFound):
            found.append(serving.catalog.find(name))
    return found


def _asking(
    body: CompareIn, task: TrainedTask | None, sampling: Sampling, serving: Serving
) -> Callable[[ModelVersion], GenerateRequest]:
    """Every model sees the same prompt, or a task's text in the way that suits it. Raises VersusError for a bad prompt."""
    if task is None or body.input is None:
        prompt = _prompt(body, serving)
        return lambda model: GenerateRequest(model, prompt, sampling)
    text = body.input
    check_prompt(text, serving.settings, "input")

    def request(model: ModelVersion) -> GenerateRequest:
        user, grammar = put_to(model, task, text)
        check_prompt(user, serving.settings, "input")
        return GenerateRequest(model, as_messages(user), replace(sampling, grammar=sampling.grammar or grammar))

    return request


def _generating(request: Callable[[ModelVersion], GenerateRequest], comparison_id: str, serving: Serving, tell: Tell) -> Ask:
    async def ask(output: Output, model: ModelVersion) -> None:
        output.generations = Generations(serving, "compare", comparison_id, [request(model)])
        (answer,) = output.generations.answers
        answer.position = output.position
        try:
            async for text in output.generations.produce(answer):
                tell(output, text)
        finally:
            output.text = storable(answer.text) if answer.pieces or answer.done else None
        done = done_of(answer)
        output.detail = {"finish_reason": done.finish_reason}
        output.usage = usage([answer], 1).model_dump()
        output.timing = timing([done]).model_dump()

    return ask


def _scoring(body: CompareIn, text: str, comparison_id: str, serving: Serving) -> Ask:
    asked = ClassifyIn(models=body.models, input=text, labels=body.labels, task=body.task)

    async def ask(output: Output, model: ModelVersion) -> None:
        question = await question_for(model, asked, serving)
        output.scored = await score(Scored(model, question, text, index=0), serving)
        scores, decision = finished(output.scored)
        output.label = decision.label
        output.detail = {name: value for name, value in vars(decision).items() if name != "label"}
        output.usage = scored_usage(scores).model_dump()
        output.timing = scored_timing(scores).model_dump()

    return ask


async def _log(
    comparison_id: str, body: CompareIn, sampling: Sampling | None, outputs: list[Output], serving: Serving
) -> ComparisonOut:
    """One transaction: the comparison, its outputs, and each generation or classification."""
    words = [output.words for output in outputs]
    divergence = first_divergence(words)
    comparison = Comparison(
        id=comparison_id,
        created_at=now(),
        kind="classify" if sampling is None else "generate",
        input=body.model_dump(include={"messages", "prompt", "input", "labels", "task"}, exclude_none=True),
        sampling={} if sampling is None else logged_sampling(sampling),
        seed=None if sampling is None else sampling.seed,
        agreement=agreement(words),
        first_divergence=None if divergence is None else {"index": divergence[0], "words": divergence[1]},
    )
    rows = [output_row(comparison_id, output) for output in outputs]
    more = [logged for output in outputs for logged in _beside(comparison_id, body.task, output)]
    await to_the_end(store.add(serving.database, comparison, rows, more))
    return ComparisonOut.of(comparison, rows)


def _beside(comparison_id: str, task: str | None, output: Output) -> list[Base]:
    """The output as a generation or classification like any other."""
    if output.generations is not None:
        if output.error is not None:
            output.generations.answers[0].fail(output.error)
        return [*output.generations.rows()]
    return [] if output.scored is None else [row(output.scored, task, comparison_id, output.position)]


def output_row(comparison_id: str, output: Output) -> ComparisonOutput:
    """What is logged of an output."""
    return ComparisonOutput(
        comparison_id=comparison_id,
        position=output.position,
        model=output.name,
        version=output.model and output.model.card.version,
        digest=output.model and output.model.digest,
        text=output.text,
        label=output.label,
        detail=output.detail,
        usage=output.usage,
        timing=output.timing,
        error=output.error and output.error.body()["error"],
    )


def _prompt(body: CompareIn, serving: Serving) -> Prompt:
    if body.messages is not None:
        return chat_messages(body.messages, serving.settings)
    assert body.prompt is not None, "checked"
    check_prompt(body.prompt, serving.settings)
    return body.prompt


def _check(body: CompareIn, task: TrainedTask | None) -> None:
    """Raises InvalidRequest for what is not supported yet, Unprocessable for fields that do not go together."""
    if body.blind:
        raise InvalidRequest("blind is not supported yet for comparisons; leave it out.", param="blind")
    given = [name for name in ("messages", "prompt", "input") if getattr(body, name) is not None]
    if len(given) != 1:
        raise Unprocessable(
            f"Give one of messages, prompt and input, not {' and '.join(given) or 'none'}.",
            param=given[-1] if given else "messages",
        )
    labelled = body.labels is not None or body.task is not None
    if body.input is not None and not labelled:
        raise Unprocessable("input needs labels or a task: what may the answer be?", param="labels")
    if body.input is None and labelled:
        raise Unprocessable(f"labels and task go with input, not with {given[0]}.", param="labels" if body.labels else "task")
    if task is not None and body.labels is not None:
        raise Unprocessable(
            f"{task.name!r} is {task.kind}: its answers are written, not chosen; leave labels out.", param="labels"
        )
    if body.input is not None and task is None:
        for name in sorted({"max_tokens", *SamplingIn.model_fields} - {"seed"}):
            if getattr(body, name) is not None:
                raise Unprocessable(f"{name} does nothing when labels are scored; leave it out.", param=name)
