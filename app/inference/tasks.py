"""What the inference routes must know about a task; who keeps the tasks fulfils it."""

from dataclasses import dataclass
from typing import Protocol

from app.catalog.templates import PromptTemplate


@dataclass(frozen=True)
class TaskPrompt:
    """How a task is put to a model that was not trained for it; with a template of its own, that is all the model is told."""

    name: str
    instruction: str
    labels: tuple[str, ...]  # none: the answer is no label
    kind: str = "classification"
    fields: tuple[str, ...] = ()
    template: PromptTemplate | None = None


class Tasks(Protocol):
    """Looks tasks up by name."""

    async def prompt_for(self, task: str) -> TaskPrompt | None:
        """None for a task that is not known."""
        ...
