"""The fields that an extraction asks for, and the schema that holds every model to them: those of the training rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.benchmarks.definition import Task
from app.training.fields import arranged, guess_schema, written


@dataclass(frozen=True)
class Fields:
    """`schema`: JSON Schema of an answer, as training guesses it; empty for the other kinds."""

    names: tuple[str, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)

    def data(self, gold: str) -> Any:
        """A right answer in the one form that the schema has."""
        return arranged(json.loads(gold), dict(self.schema))

    def written(self, gold: str) -> str:
        return written(self.data(gold))


def of_rows(task: Task, golds: Sequence[str]) -> Fields:
    """golds: right answers of training. The task's own fields, or all that a row has, in the order of their appearance."""
    if task.kind != "extraction":
        return Fields(task.fields)
    rows = [json.loads(gold) for gold in golds]
    names = task.fields or tuple(dict.fromkeys(name for row in rows for name in row))
    return Fields(names, guess_schema([{name: row.get(name) for name in names} for row in rows]))
