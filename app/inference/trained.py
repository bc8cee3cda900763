"""Tasks whose answers are written, not chosen: who was trained for one, and how it is put to them and to others."""

from collections.abc import Iterable
from typing import Any

from app.catalog.cards import TaskKind, TrainedTask
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import extraction_prompt, trained_prompt
from app.errors import InvalidRequest

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


def user_turn(model: ModelVersion, task: TrainedTask, text: str) -> str:
    """What a model that was trained for the task saw in training; others are told the fields, or what the trained one is."""
    own = model.card.task(task.name)
    if own is not None and own.kind == task.kind:
        return trained_prompt(text, own)
    return extraction_prompt(text, task.fields) if task.kind == "extraction" else trained_prompt(text, task)


def schema_of(model: ModelVersion, task: TrainedTask) -> dict[str, Any]:
    """That of the model's own training for the task, or of the task as another knows it; empty where answers are free."""
    own = model.card.task(task.name)
    return own.json_schema if own is not None and own.json_schema else task.json_schema
