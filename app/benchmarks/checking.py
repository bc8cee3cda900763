"""A dry look at a task against its data and a model's context, before anything is stored or run."""

import heapq
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from app.benchmarks import store
from app.benchmarks.definition import LABELLED, Task
from app.benchmarks.own_tasks import checked_dataset
from app.benchmarks.prompting import user_turn
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import as_messages
from app.database.session import Session
from app.database.tables import Dataset
from app.engines.registry import Engines
from app.errors import VersusError

LOOKED_AT = 50  # longest cases whose tokens are counted


class ContextOut(BaseModel):
    """How the longest prompts without examples fit into a model's context."""

    model: str
    context: int = Field(description="tokens, prompt and answer together")
    longest: int = Field(description="tokens of the longest prompt")
    too_long: int = Field(description=f"prompts that do not fit, of the {LOOKED_AT} longest of validation and test")


class CheckOut(BaseModel):
    """What would happen to a task that was added now."""

    problem: str | None = Field(description="why it would be refused, and what to do; none: it would be taken")
    param: str | None = Field(description="the field that the problem is in")
    notes: list[str] = Field(description="what a person should know, and what was not looked at")
    sizes: dict[str, int] = Field(description="split -> cases")
    contexts: list[ContextOut]


async def check(session: Session, task: Task, models: Sequence[ModelVersion], engines: Engines) -> CheckOut:
    """Stores nothing."""
    found = CheckOut(problem=None, param=None, notes=[], sizes={}, contexts=[])
    try:
        dataset = await checked_dataset(session, task)
    except VersusError as error:
        found.problem, found.param = error.message, error.param
        return found
    if dataset is None:
        found.notes.append("Its rows are generated at the first run, so they were not looked at.")
        return found
    found.sizes = dict(dataset.sizes or {split: sum(labels.values()) for split, labels in dataset.counts.items()})
    found.notes += [*_empty_splits(found.sizes), *_label_notes(task, dataset.counts), *_field_notes(task, dataset)]
    texts = [
        text for _, split, text, _ in await store.rows(session, dataset.id) if split in ("validation", "test") and text.strip()
    ]
    longest = heapq.nlargest(LOOKED_AT, texts, key=lambda text: len(text.encode()))
    for model in models:
        context = await _context(task, longest, model, engines)
        found.contexts.append(context)
        if context.too_long:
            more = " or more" if context.too_long == LOOKED_AT < len(texts) else ""
            found.notes.append(
                f"{context.too_long}{more} of {len(texts):,} cases do not fit into the {context.context:,} tokens of "
                f"{context.model}, and would count as its wrong answers."
            )
    return found


def _empty_splits(sizes: Mapping[str, int]) -> list[str]:
    empty = [split for split in ("train", "validation", "test") if not sizes.get(split)]
    return [f"The data has no {' and no '.join(empty)} rows, and a run needs some of each."] if empty else []


def _label_notes(task: Task, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    if task.kind not in LABELLED:
        return []
    notes = []
    for split in ("train", "test"):
        if missing := [label for label in task.labels if not counts.get(split, {}).get(label)]:
            shown = ", ".join(map(repr, missing[:5])) + (", .." if len(missing) > 5 else "")
            notes.append(f"Labels without a {split} row: {len(missing)} of {len(task.labels)} ({shown}).")
    return notes


def _field_notes(task: Task, dataset: Dataset) -> list[str]:
    known = (dataset.report or {}).get("fields", {})
    missing = [field for field in task.fields if field not in known]
    return [f"Fields that no row of the data has: {', '.join(missing)}."] if missing and known else []


async def _context(task: Task, texts: Sequence[str], model: ModelVersion, engines: Engines) -> ContextOut:
    engine = engines.of(model)
    sizes = [len(await engine.tokenize(model, as_messages(user_turn(task, text)))) for text in texts]
    context = model.card.context
    too_long = sum(size >= context for size in sizes)  # an answer takes a token at least
    return ContextOut(model=model.id, context=context, longest=max(sizes, default=0), too_long=too_long)
