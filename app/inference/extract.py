"""`POST /v1/extract`: fields of a text as JSON that satisfies a schema, given or of a trained task, by every model asked."""

import json
from collections.abc import Sequence
from typing import Any

import jsonschema_rs
from jsonschema_rs import Validator
from pydantic import BaseModel, Field

from app.catalog.cards import TrainedTask
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import as_messages, extraction_prompt, trained_prompt
from app.database.base import new_id
from app.engines.base import GenerateRequest, Grammar, Sampling
from app.errors import InvalidRequest, NotFound, Unprocessable
from app.inference.asked import draw_seed, model_names
from app.inference.bounded import bounded
from app.inference.fields import SEEDS
from app.inference.generate import Answer, Generations
from app.inference.limits import check_inputs, check_prompt
from app.inference.schemas import ExtractIn
from app.inference.serving import Serving
from app.inference.trained import require_kind, schema_of
from app.inference.wire import TimingOut, UsageOut, done_of, timing, usage


class ExtractedOut(BaseModel):
    """The fields of one input by one model."""

    model: str
    version: int
    digest: str
    index: int = Field(description="of the input")
    data: Any = Field(description="satisfies the schema")
    text: str = Field(description="the same as the model wrote it")
    seed: int
    usage: UsageOut
    timing: TimingOut


class ExtractOut(BaseModel):
    """Results by input, then by model in the order asked."""

    id: str
    results: list[ExtractedOut]


async def extract(body: ExtractIn, serving: Serving) -> ExtractOut:
    """Raises VersusError; what was generated before a failure is logged."""
    names = model_names(body)
    inputs = [body.input] if isinstance(body.input, str) else body.input
    check_inputs(len(inputs) * len(names), serving.settings, "input")
    models = [serving.catalog.find(name) for name in names]
    schemas = [_schema(model, body, _task(body, models)) for model in models]
    satisfied = {model.id: _validator(schema) for model, schema in zip(models, schemas, strict=True)}
    seed = draw_seed() if body.seed is None else body.seed
    asked: list[tuple[int, GenerateRequest]] = []
    for index, text in enumerate(inputs):
        for model, schema in zip(models, schemas, strict=True):
            prompt = _prompt(model, body, text, schema)
            check_prompt(prompt, serving.settings, "input")
            grammar = Grammar("json_schema", json.dumps(bounded(schema, len(text))))
            asked.append((index, _request(model, prompt, grammar, body, (seed + index) % SEEDS)))
    request_id = new_id("ext")
    generations = Generations(serving, "extract", request_id, [request for _, request in asked])
    try:
        answers = await generations.complete()
    except InvalidRequest as error:
        if error.param == "response_format":
            raise InvalidRequest(error.message.replace("response_format", "schema", 1), param="schema") from error
        raise
    return ExtractOut(
        id=request_id,
        results=[
            _out(answer, index, satisfied[request.model.id]) for answer, (index, request) in zip(answers, asked, strict=True)
        ],
    )


def _task(body: ExtractIn, models: Sequence[ModelVersion]) -> TrainedTask | None:
    """What the request's task is; None for a request without one. Raises InvalidRequest for a task of another kind, NotFound
    for one that none of the models was trained for, Unprocessable for neither schema nor task."""
    if body.task is None:
        if body.fields is None:
            raise Unprocessable("Neither schema nor task is given: which fields are wanted?", param="schema")
        return None
    known = [(model, task) for model in models if (task := model.card.task(body.task)) is not None]
    for model, task in known:
        require_kind(model, task, "extraction")
        for name, given in (("examples", body.examples), ("instruction", body.instruction)):
            if given:
                raise InvalidRequest(
                    f"{model.id} was trained for {task.name!r} and sees no {name}; leave {name} out, or give a schema without "
                    "a task.",
                    param=name,
                )
    if not known:
        raise NotFound(
            f"None of the models was trained for a task named {body.task!r}; GET /v1/models tells who was trained for what. Or "
            "give a schema without a task.",
            param="task",
        )
    return known[0][1]


def _schema(model: ModelVersion, body: ExtractIn, task: TrainedTask | None) -> dict[str, Any]:
    if body.fields is not None:
        return body.fields
    assert task is not None, "checked"
    return schema_of(model, task)


def _prompt(model: ModelVersion, body: ExtractIn, text: str, schema: dict[str, Any]) -> str:
    own = model.card.task(body.task) if body.task else None
    if own is not None:
        return trained_prompt(text, own)
    return extraction_prompt(text, _fields(schema), instruction=body.instruction, examples=_shown(body))


def _request(model: ModelVersion, prompt: str, grammar: Grammar, body: ExtractIn, seed: int) -> GenerateRequest:
    sampling = Sampling(max_tokens=body.max_tokens, temperature=float(body.temperature or 0.0), seed=seed, grammar=grammar)
    return GenerateRequest(model, as_messages(prompt), sampling, priority=body.priority or "interactive")


def _validator(schema: dict[str, Any]) -> Validator:
    """Raises InvalidRequest for what is no JSON Schema."""
    try:
        jsonschema_rs.meta.validate(schema)
        return jsonschema_rs.validator_for(schema)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise InvalidRequest(f"The schema is no JSON Schema: {str(error).splitlines()[0][:300]}.", param="schema") from error


def _out(answer: Answer, index: int, satisfied: Validator) -> ExtractedOut:
    done, model = done_of(answer), answer.request.model
    if done.finish_reason == "length":
        raise InvalidRequest(
            f"The fields of input {index} by {model.id} did not come to an end within {done.completion_tokens} tokens; raise "
            "max_tokens, shorten the input, or bound the schema (maxLength, maxItems).",
            param="max_tokens",
        )
    data = json.loads(answer.text)
    # What holds the model to the schema is another's work; what leaves here is checked.
    if not satisfied.is_valid(data):
        raise InvalidRequest(f"{model.id} cannot be held to this schema: it answered {answer.text[:200]}.", param="schema")
    return ExtractedOut(
        model=model.name,
        version=model.card.version,
        digest=model.digest,
        index=index,
        data=data,
        text=answer.text,
        seed=answer.request.sampling.seed,
        usage=usage([answer], 1),
        timing=timing([done]),
    )


def _fields(schema: dict[str, Any]) -> Sequence[str]:
    """Names of the fields at the top, as the model is told them."""
    properties = schema.get("properties")
    return [*properties] if isinstance(properties, dict) else []


def _shown(body: ExtractIn) -> list[tuple[str, str]]:
    return [(example.text, json.dumps(example.data, ensure_ascii=False)) for example in body.examples]
