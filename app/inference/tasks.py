"""What the inference routes must know about a task; who keeps the tasks fulfils it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class TaskPrompt:
    """How a task is put to a model that was not trained for it."""

    name: str
    instruction: str
    labels: tuple[str, ...]


class Tasks(Protocol):
    """Looks tasks up by name."""

    async def prompt_for(self, task: str) -> TaskPrompt | None:
        """None for a task that is not known."""
        ...
