"""How a classification is put to a model: the same text in training, serving and benchmarks."""

import re
from collections.abc import Sequence
from typing import TypedDict

from app.catalog.cards import TrainedTask

DEFAULT_INSTRUCTION = "Choose the one label that fits the text best."
EXTRACT = "Write down what the text says of each field, as JSON."


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


def extraction_prompt(
    text: str, fields: Sequence[str], *, instruction: str | None = None, examples: Sequence[tuple[str, str]] = ()
) -> str:
    """The user turn that asks for fields of a text as JSON; `examples` are (text, JSON) pairs."""
    named = f"\nFields: {'; '.join(fields)}" if fields else ""
    parts = [f"{instruction or EXTRACT}{named}"]
    parts += [f"Text: {shown}\nJSON: {answer}" for shown, answer in examples]
    parts.append(f"Text: {text}\nJSON:")
    return "\n\n".join(parts)


def trained_prompt(text: str, task: TrainedTask) -> str:
    """The user turn for a model that was trained for `task`: only what it saw in training."""
    return task.prompt.replace("{input}", text)


def short_answers(labels: Sequence[str]) -> tuple[str, ...]:
    """For each label as few of its first words as tell it from the others, in lower case: "back" for "BACK (MUSCLES/SPINE)".

    A model that is trained for its labels then says little, and scoring them costs little. The labels themselves where that
    would not tell all of them apart.
    """
    beginnings = [_beginnings(label.lower()) for label in labels]
    answers = tuple(
        next((text for text in own if all(text not in other for other in beginnings if other is not own)), "")
        for own in beginnings
    )
    return answers if all(answers) else tuple(labels)


def _beginnings(label: str) -> list[str]:
    """The label up to the end of its first word, of its second, and so on to the whole."""
    return [*dict.fromkeys([*(label[: word.end()].lstrip("([{\"' ") for word in re.finditer(r"\w+", label)), label])]


def as_messages(prompt: str) -> list[Message]:
    return [{"role": "user", "content": prompt}]
