"""How a classification is put to a model: the same text in training, serving and benchmarks."""

from collections.abc import Sequence
from typing import TypedDict

from app.catalog.cards import TrainedTask

DEFAULT_INSTRUCTION = "Choose the one label that fits the text best."


class Message(TypedDict):
    """One turn of a chat."""

    role: str
    content: str


def classification_prompt(
    text: str, labels: Sequence[str], *, instruction: str = DEFAULT_INSTRUCTION, examples: Sequence[tuple[str, str]] = ()
) -> str:
    """The user turn for a model that was not trained for the task: instruction, label list, examples, the text.

    `examples` are (text, label) pairs, shown in the order given.
    """
    parts = [f"{instruction}\nLabels: {'; '.join(labels)}"]
    parts += [f"Text: {shown}\nLabel: {label}" for shown, label in examples]
    parts.append(f"Text: {text}\nLabel:")
    return "\n\n".join(parts)


def trained_prompt(text: str, task: TrainedTask) -> str:
    """The user turn for a model that was trained for `task`: only what it saw in training."""
    return task.prompt.replace("{input}", text)


def as_messages(prompt: str) -> list[Message]:
    return [{"role": "user", "content": prompt}]
