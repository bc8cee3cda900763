"""The requests in which a case of a kind without labels is put to a model, the same in a run and in its estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks.definition import Task
from app.benchmarks.prompting import user_turn
from app.benchmarks.runner import Case
from app.benchmarks.scored.fields import Fields

NEXT_TEXT = "\nText:"  # where an answer to the built-in wording ends, if a model goes on with a text of its own

Body = dict[str, Any]


@dataclass(frozen=True)
class Wording:
    """A model that was trained for the task sees `trained`, the user turn of its training with {input} for the text; every
    other one what the task tells. `longest`: characters of the longest right answer of training."""

    task: Task
    fields: Fields
    longest: int
    trained: str | None = None

    def held(self, grammar: bool) -> bool:
        """Whether the answer is held to the fields; where not, it is written freely and read."""
        return self.task.kind == "extraction" and grammar and self.task.prompt is None

    def turn(self, text: str, examples: Sequence[Case]) -> str:
        """The user turn, for its hash too."""
        if self.trained is not None:
            return self.trained.replace("{input}", text)
        extracted = self.task.kind == "extraction"
        shown = [(one.text, self.fields.written(one.gold) if extracted else one.gold) for one in examples]
        return user_turn(self.task, text, shown)

    def chat(self, model: str, text: str, examples: Sequence[Case], sampling: Mapping[str, Any]) -> Body:
        """POST /v1/chat/completions. No token is shorter than a character, so max_tokens cuts no right answer off."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": self.turn(text, examples)}],
            "max_tokens": self.longest + 4,
            "priority": "batch",
            **sampling,
        }
        return body if self.trained is not None or self.task.prompt else {**body, "stop": [NEXT_TEXT]}

    def extract(self, model: str, text: str, examples: Sequence[Case], sampling: Mapping[str, Any]) -> Body:
        """POST /v1/extract."""
        body: Body = {"model": model, "input": text, "priority": "batch", **sampling}
        if self.trained is not None:
            return {**body, "task": self.task.name}
        shown = [{"text": one.text, "data": self.fields.data(one.gold)} for one in examples]
        return {**body, "schema": dict(self.fields.schema), "instruction": self.task.instruction, "examples": shown}


def read(model: str, tokens: Sequence[int]) -> Body:
    """POST /v1/completions: nothing is written, and every token but the first gets its log-probability."""
    return {"model": model, "prompt": [*tokens], "max_tokens": 0, "echo": True, "logprobs": 1, "priority": "batch"}
