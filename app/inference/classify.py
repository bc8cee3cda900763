"""`POST /v1/classify`: every input decided by every model, by the log-likelihood of each label or by a sampled answer."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import as_messages
from app.database.base import new_id
from app.database.tables import Classification
from app.engines.base import GenerateRequest, Priority, Sampling, Scores
from app.errors import Unprocessable
from app.inference import store
from app.inference.asked import draw_seed, model_names
from app.inference.fields import SEEDS
from app.inference.generate import Generations
from app.inference.labels import Question
from app.inference.limits import check_inputs, check_prompt
from app.inference.questions import question_for
from app.inference.schemas import ClassifyIn, Scoring
from app.inference.scoring import Bounds, Decision
from app.inference.serving import Serving
from app.inference.together import to_the_end, together
from app.inference.wire import TimingOut, UsageOut, done_of, timing, usage

_ROOM = 4  # tokens of an answer beyond the bytes of the longest label: no token is shorter than a byte


class ResultOut(BaseModel):
    """One input decided by one model."""

    model: str
    version: int
    digest: str
    index: int = Field(description="of the input")
    label: str | None = Field(
        description="the likeliest; ties go to the first. Null: a generated answer was none of the labels"
    )
    probabilities: dict[str, float] | None = Field(
        description="of each label, they sum to 1; null when generated, or when only the best label was wanted"
    )
    label_mass: float | None = Field(description="probability that the answer is any of the labels at all; null likewise")
    margin: float | None = Field(description="the likeliest label's probability minus the next one's; null likewise")
    bounds: Bounds | None = Field(description="when only the best label was wanted")
    calibration_temperature: float | None = Field(
        description="what the labels' log-likelihoods were divided by, as fitted when the model was trained for the task (1: "
        "none fitted better); null: by nothing. label_mass is the model's own either way"
    )
    label_tokens: dict[str, int] | None = Field(
        description="of each label as the model says it, with the end of the answer: what scoring mean divides by; null when "
        "generated, or when only the best label was wanted"
    )
    text: str | None = Field(description="the generated answer; null when labels were scored")
    seed: int | None = Field(description="of the generated answer; null when labels were scored")
    prompt_sha256: str = Field(description="of the user turn as the model saw it, in UTF-8: the same hash, the same question")
    usage: UsageOut
    timing: TimingOut


class ClassifyOut(BaseModel):
    """Results by input, then by model in the order asked."""

    id: str
    results: list[ResultOut]


@dataclass
class Scored:
    """One input, one model, the labels' scores when they are there."""

    model: ModelVersion
    question: Question
    text: str
    index: int
    scoring: Scoring = "sum"
    priority: Priority = "interactive"
    only_best: bool = False
    scores: Scores | None = None
    decision: Decision | None = None

    @property
    def prompt(self) -> str:
        return self.question.put(self.text)

    @property
    def prompt_sha256(self) -> str:
        return hashlib.sha256(self.prompt.encode()).hexdigest()


async def classify(body: ClassifyIn, serving: Serving) -> ClassifyOut:
    """Raises VersusError; what was decided before a failure is logged."""
    names = model_names(body)
    _check(body)
    inputs = [body.input] if isinstance(body.input, str) else body.input
    check_inputs(len(inputs) * len(names), serving.settings, "input")
    models = [serving.catalog.find(name) for name in names]
    questions = [await question_for(model, body, serving) for model in models]
    asked = [
        Scored(
            model,
            question,
            text,
            index,
            body.scoring or "sum",
            body.priority or "interactive",
            only_best=not body.probabilities,
        )
        for index, text in enumerate(inputs)
        for model, question in zip(models, questions, strict=True)
    ]
    for one in asked:
        check_prompt(one.prompt, serving.settings, "input")
    request_id = new_id("cls")
    if body.mode == "generate":
        return ClassifyOut(id=request_id, results=await _generate(asked, body, request_id, serving))
    return ClassifyOut(id=request_id, results=await _score(asked, body.task, request_id, serving))


async def score(one: Scored, serving: Serving) -> Scored:
    """Asks the engine and decides."""
    one.scores, one.decision = await serving.scorer.score(
        one.model, one.question, one.text, one.scoring, one.priority, only_best=one.only_best
    )
    return one


def row(one: Scored, task: str | None, request_id: str, position: int) -> Classification:
    """What is to be logged of a finished one."""
    scores, decision = finished(one)
    return Classification(
        id=new_id("dec"),
        request_id=request_id,
        position=position,
        model=one.model.name,
        version=one.model.card.version,
        digest=one.model.digest,
        task=task,
        input=one.text,
        prompt=one.prompt,
        scoring=one.scoring,
        label=decision.label,
        probabilities=decision.probabilities,
        label_mass=decision.label_mass,
        margin=decision.margin,
        bounds=decision.bounds and decision.bounds.model_dump(),
        prompt_tokens=scores.prompt_tokens,
        queue_ms=scores.queue_ms,
        total_ms=scores.total_ms,
    )


def scored_usage(scores: Scores) -> UsageOut:
    """Scoring generates nothing."""
    return UsageOut(prompt_tokens=scores.prompt_tokens, completion_tokens=0, total_tokens=scores.prompt_tokens)


def scored_timing(scores: Scores) -> TimingOut:
    return TimingOut(queue_ms=scores.queue_ms, total_ms=scores.total_ms)


async def _score(asked: Sequence[Scored], task: str | None, request_id: str, serving: Serving) -> list[ResultOut]:
    async def one(scored: Scored) -> None:
        await score(scored, serving)

    try:
        await together(map(one, asked), serving.settings, serving.at_once)
    finally:
        rows = [row(scored, task, request_id, position) for position, scored in enumerate(asked) if scored.scores]
        await to_the_end(store.log(serving.database, rows))
    return [_scored_out(scored) for scored in asked]


async def _generate(asked: Sequence[Scored], body: ClassifyIn, request_id: str, serving: Serving) -> list[ResultOut]:
    seed = draw_seed() if body.seed is None else body.seed
    requests = [
        GenerateRequest(
            one.model,
            as_messages(one.prompt),
            Sampling(
                max_tokens=body.max_tokens or max(len(answer.encode()) for answer in one.question.answers) + _ROOM,
                temperature=float(body.temperature or 0.0),
                # By input, so that several inputs are independent draws; the same for every model.
                seed=(seed + one.index) % SEEDS,
            ),
            priority=one.priority,
        )
        for one in asked
    ]
    answers = await Generations(serving, "classify", request_id, requests).complete()
    return [
        ResultOut(
            model=one.model.name,
            version=one.model.card.version,
            digest=one.model.digest,
            index=one.index,
            label=one.question.read(answer.text),
            probabilities=None,
            label_mass=None,
            margin=None,
            bounds=None,
            calibration_temperature=None,
            label_tokens=None,
            text=answer.text,
            seed=answer.request.sampling.seed,
            prompt_sha256=one.prompt_sha256,
            usage=usage([answer], 1),
            timing=timing([done_of(answer)]),
        )
        for one, answer in zip(asked, answers, strict=True)
    ]


def _scored_out(one: Scored) -> ResultOut:
    scores, decision = finished(one)
    return ResultOut(
        model=one.model.name,
        version=one.model.card.version,
        digest=one.model.digest,
        index=one.index,
        **vars(decision),
        label_tokens=None if one.only_best else _with_end(one.question.labels, scores.label_tokens),
        text=None,
        seed=None,
        prompt_sha256=one.prompt_sha256,
        usage=scored_usage(scores),
        timing=scored_timing(scores),
    )


def _with_end(labels: Sequence[str], tokens: Sequence[int]) -> dict[str, int]:
    return {label: count + 1 for label, count in zip(labels, tokens, strict=True)}


def finished(one: Scored) -> tuple[Scores, Decision]:
    """Only once `score` is through."""
    assert one.scores is not None, "asked for before its end"
    assert one.decision is not None, "asked for before its end"
    return one.scores, one.decision


def _check(body: ClassifyIn) -> None:
    """Raises Unprocessable for fields that do not go together."""
    if body.labels is None and body.task is None:
        raise Unprocessable("Neither labels nor task is given: what may the answer be?", param="labels")
    if body.mode == "score":
        for name in ("temperature", "max_tokens"):
            if getattr(body, name) is not None:
                raise Unprocessable(f'{name} needs mode "generate"; scoring labels draws nothing.', param=name)
    elif not body.probabilities:
        raise Unprocessable('probabilities needs mode "score"; a generated answer has none.', param="probabilities")
    elif body.scoring is not None:
        raise Unprocessable('scoring needs mode "score"; a generated answer is read, not scored.', param="scoring")
