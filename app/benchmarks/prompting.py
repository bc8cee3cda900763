"""The user turn in which a task of any kind puts a text to a model that was not trained for it."""

from collections.abc import Sequence

from app.benchmarks.definition import LABELLED, Task
from app.catalog.prompts import classification_prompt, extraction_prompt
from app.catalog.templates import read_template


def user_turn(task: Task, text: str, examples: Sequence[tuple[str, str]] = ()) -> str:
    """The same for every model and every time: what is hashed as the prompt. `examples` are (text, answer).

    With labels it is what /v1/classify makes of the task's name. Raises InvalidRequest for a prompt that is too long."""
    if task.prompt is not None:
        return read_template(task.prompt).render(
            text, instruction=task.instruction, labels=task.labels, fields=task.fields, examples=examples
        )
    if task.kind in LABELLED:
        return classification_prompt(text, task.labels, instruction=task.instruction, examples=examples)
    if task.kind == "extraction":
        return extraction_prompt(text, task.fields, instruction=task.instruction, examples=examples)
    if task.kind == "perplexity":
        return text
    parts = [task.instruction, *(f"Text: {shown}\nAnswer: {answer}" for shown, answer in examples), f"Text: {text}\nAnswer:"]
    return "\n\n".join(parts)
