"""Tasks whose answers are written, not chosen: who was trained for one, and how it is put to them and to others."""

import json
from collections.abc import Iterable
from typing import Any

from app.catalog.cards import TaskKind, TrainedTask
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import extraction_prompt, trained_prompt
from app.engines.base import Grammar
from app.errors import InvalidRequest
from app.inference.bounded import bounded

ROUTES: dict[TaskKind, str] = {
    "classification": "POST /v1/classify, which scores its labels",
    "extraction": "POST /v1/extract, which holds the answer to its fields",
    "text_to_text": "POST /v1/chat/completions with the text as the user's turn",
}


def require_kind(model: ModelVersion, task: TrainedTask, kind: TaskKind) -> None:
    """Raises InvalidRequest, which names the route to use, for a task of another kind."""
    if task.kind != kind:
        raise InvalidRequest(f"{model.id} was trained for {task.name!r} as {task.kind}; use {ROUTES[task.kind]}.", param="task")


def written_task(name: str | None, models: Iterable[ModelVersion]) -> TrainedTask | None:
    """The task of that name as the first of `models` knows it that was trained to write its answers; None where none was."""
    known = (model.card.task(name) for model in models) if name else ()
    return next((task for task in known if task is not None and task.kind != "classification"), None)


def put_to(model: ModelVersion, task: TrainedTask, text: str) -> tuple[str, Grammar | None]:
    """The user turn: what a model that was trained for the task saw in training; others are told the fields, or see what the
    trained one does. And what holds the answer to the task's fields."""
    own = model.card.task(task.name)
    trained = own is not None and own.kind == task.kind
    user = trained_prompt(text, own if own is not None and trained else task)
    if task.kind == "extraction" and not trained:
        user = extraction_prompt(text, task.fields)
    schema = schema_of(model, task)
    return user, Grammar("json_schema", json.dumps(bounded(schema, len(text)))) if schema else None


def schema_of(model: ModelVersion, task: TrainedTask) -> dict[str, Any]:
    """That of the model's own training for the task, or of the task as another knows it; empty where answers are free."""
    own = model.card.task(task.name)
    return own.json_schema if own is not None and own.json_schema else task.json_schema
