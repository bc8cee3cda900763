"""A training as far as it can be told without its first step: rows, tokens, padding, steps, memory, disk, time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

from app.catalog.catalog import ModelVersion
from app.engines.embedded.turns import read_tokenizer
from app.training.data import EncodedTask, Row, encode_tasks
from app.training.errors import WontFit
from app.training.estimate import Need, need
from app.training.full import PROMPT_WEIGHT
from app.training.plan import Plan
from app.training.ranks import steps_of
from app.training.recipe import READING, Recipe
from app.training.room import check_room, free_disk
from app.training.schemas import EstimateOut, TaskRowsOut

CHARACTERS = 3  # of a token, at least, in what is only read: near enough for memory


def plan_of(recipe: Recipe, tasks: Sequence[EncodedTask], pad: int) -> Plan:
    """The batches of the task's training."""
    return Plan(
        [row for task in tasks for row in task.train],
        epochs=recipe.epochs,
        batch_tokens=recipe.batch_tokens,
        prompt_weight=PROMPT_WEIGHT if recipe.prompt_weight is None else recipe.prompt_weight,
        pad=pad,
        seed=recipe.seed,
    )


def need_of(
    recipe: Recipe, base: ModelVersion, tasks: Sequence[EncodedTask], texts: Sequence[str] = (), processes: int = 1
) -> Need:
    """What it needs at its peak, by the rows as they are; `texts` are read beside them."""
    rows = [row for task in tasks for row in (*task.train, *task.validation)]
    tokens = sum(map(len, rows))
    answers = sum(len(row.answer) for row in rows)
    waiting = tokens + sum(map(len, texts)) // CHARACTERS
    longest = max(map(len, rows))
    return need(recipe, base, row_tokens=waiting, longest=longest, counted=answers / tokens, processes=processes)


def dry_run(
    recipe: Recipe,
    rows_by_task: Mapping[str, Mapping[str, Sequence[Row]]],
    base: ModelVersion,
    data_dir: Path,
    memory: int | None,
    *,
    earlier: Sequence[ModelVersion] = (),
    texts: Sequence[str] = (),
    processes: int = 1,
) -> EstimateOut:
    """`memory` is what is free, bytes, None where that is not known; `texts` are read beside the task's own; `earlier` are
    models whose speed of training is a guess at this one's. Raises Unprocessable for rows that cannot be learned from. Tokens
    are those of the base's tokenizer, also for methods that make another one."""
    tokenizer = read_tokenizer(base.folder)
    context = recipe.context if recipe.method == "scratch" else base.card.context
    tasks = encode_tasks(tokenizer, recipe, rows_by_task, context)
    plan = plan_of(recipe, tasks, tokenizer.pad_token_id or 0)
    refit = plan_of(recipe, [_with_validation(task) for task in tasks], tokenizer.pad_token_id or 0) if recipe.refit else None
    again = refit.tokens if refit else 0
    needed = need_of(recipe, base, tasks, texts, processes)
    read = 0
    if recipe.method in READING:
        beside = sum(map(len, tokenizer([*texts], add_special_tokens=False, verbose=False)["input_ids"])) if texts else 0
        own = sum(len(row.prompt if task.labels else row.prompt + row.answer) for task in tasks for row in task.train)
        read = ceil(recipe.language_epochs * (beside + own))
    try:
        check_room(needed, data_dir, memory=memory)
        refused = None
    except WontFit as error:
        refused = error.message
    return EstimateOut(
        method=recipe.method,
        base=base.id,
        tasks=[
            TaskRowsOut(
                name=task.task.name,
                kind=task.task.kind,
                labels=len(task.labels),
                fields=task.task.fields,
                train=len(task.train),
                validation=len(task.validation),
                left_out=task.left_out,
            )
            for task in tasks
        ],
        context=context,
        tokens=plan.tokens + again,
        refit_tokens=again,
        language_tokens=read,
        padding=round(plan.padding, 4),
        steps=sum(steps_of(batches, processes) for batches in (len(plan), len(refit or ()), ceil(read / recipe.batch_tokens))),
        minutes=_minutes(recipe, plan.tokens + again + read, base, earlier),
        memory_bytes=needed.memory,
        memory_free_bytes=memory,
        disk_bytes=needed.disk,
        disk_free_bytes=free_disk(data_dir),
        refused=refused,
    )


def _with_validation(task: EncodedTask) -> EncodedTask:
    """As a refit learns it, but for the weights of its labels, which change no plan."""
    return replace(task, train=[*task.train, *task.validation])


def _minutes(recipe: Recipe, tokens: int, base: ModelVersion, earlier: Sequence[ModelVersion]) -> float | None:
    """By the slowest earlier training of the same method from the same base; never more than the recipe's own minutes."""
    rates = [
        made.tokens / made.seconds
        for made in (version.card.made for version in earlier if _alike(version, recipe, base))
        if made.tokens and made.seconds
    ]
    told = [tokens / min(rates) / 60] if rates else []
    known = told + ([] if recipe.minutes is None else [recipe.minutes])
    return round(min(known), 2) if known else None


def _alike(version: ModelVersion, recipe: Recipe, base: ModelVersion) -> bool:
    same_base = version.card.parent_digest == base.digest or recipe.method == "scratch"
    return version.card.kind == "custom" and same_base and version.card.method == recipe.method
