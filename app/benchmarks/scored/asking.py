"""How a model answers a case of a kind without labels: it writes fields or a text, or it reads the text and is surprised."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.asking import ModelArm, call_seed, changed
from app.benchmarks.client import Refused, ServiceClient, Timed
from app.benchmarks.definition import Task
from app.benchmarks.runner import Arm, Case, How
from app.benchmarks.scored.wording import Wording, read


class WritingArm(ModelArm):
    """Asks by the task's kind: /v1/extract, /v1/chat/completions, or /v1/completions with the prompt echoed."""

    def __init__(self, arm: Arm, client: ServiceClient, wording: Wording, seed: int) -> None:
        super().__init__(arm, client, wording.task.name, [""], seed)
        self._wording = wording
        self._start: list[int] | None = None  # token before a text that is read

    async def _ask(self, texts: Sequence[str], examples: Sequence[Case], how: How, condition: str, case: int) -> Timed:
        """The result of the one text there is, as /v1/classify would tell it. Raises Conflict for another digest."""
        (text,) = texts
        sampling = {
            "temperature": 1.0 if condition.startswith("rerun") else 0.0,
            "seed": call_seed(self._seed, case, condition),
        }
        if self._wording.task.kind == "perplexity":
            answer = await self._read(text)
        elif self._wording.held(self.arm.grammar):
            answer = await self._extract(text, examples, sampling)
        else:
            answer = await self._write(text, examples, sampling)
        if (digest := answer.body["digest"]) != self.arm.digest:
            raise changed(self.arm, digest)
        return Timed([answer.body], answer.ms)

    async def _write(self, text: str, examples: Sequence[Case], sampling: Mapping[str, Any]) -> Timed:
        body = self._wording.chat(self.arm.model, text, examples, sampling)
        answer = await self._client.timed("/v1/chat/completions", body)
        told = answer.body["versus"]
        return Timed(
            {
                "text": answer.body["choices"][0]["message"]["content"],
                "prompt_sha256": _sha256(body["messages"][0]["content"]),
                **{name: told[name] for name in ("seed", "digest", "timing")},
                "usage": answer.body["usage"],
            },
            answer.ms,
        )

    async def _extract(self, text: str, examples: Sequence[Case], sampling: Mapping[str, Any]) -> Timed:
        body = self._wording.extract(self.arm.model, text, examples, sampling)
        answer = await self._client.timed("/v1/extract", body)
        turn = self._wording.turn(text, examples)
        return Timed({**answer.body["results"][0], "prompt_sha256": _sha256(turn)}, answer.ms)

    async def _read(self, text: str) -> Timed:
        """All bits of a text: its tokens after a start token, so that the first one has a probability too."""
        model = self.arm.model
        plain = (await self._client.post("/tokenize", {"model": model, "prompt": text}))["tokens"]
        if self._start is None:
            self._start = await self._start_token()
        answer = await self._client.timed("/v1/completions", read(model, [*self._start, *plain]))
        told = answer.body["choices"][0]["logprobs"]
        logprobs = told["token_logprobs"][1 : len(plain) + 1] if told else []
        if len(logprobs) != len(plain) or any(one is None for one in logprobs):
            raise _unreadable(f"{model} tells no log-probabilities of a prompt; perplexity needs an engine that echoes them.")
        versus = answer.body["versus"]
        return Timed(
            {
                "bits": -math.fsum(logprobs) / math.log(2),
                "prompt_sha256": _sha256(text),
                "digest": versus["digest"],
                "timing": versus["timing"],
                "usage": answer.body["usage"],
            },
            answer.ms,
        )

    async def _start_token(self) -> list[int]:
        """What texts begin with for this model, or the end of the text before (as the Pile and lm-eval have it)."""
        model = self.arm.model
        sample = {"model": model, "prompt": "a"}
        plain = (await self._client.post("/tokenize", sample))["tokens"]
        with_start = (await self._client.post("/tokenize", sample | {"add_special_tokens": True}))["tokens"]
        if len(with_start) > len(plain) and with_start[1 : len(plain) + 1] == plain:
            return list(with_start[:1])
        info = await self._client.get("/tokenizer_info", model=model)
        for name in ("bos_token", "eos_token"):
            if info[name]:
                ids = (await self._client.post("/tokenize", {"model": model, "prompt": info[name]}))["tokens"]
                if len(ids) == 1:
                    return list(ids)
        raise _unreadable(f"{model} has no start or end token, so the first token of a text has no probability.")


def trained_for(task: Task, model: Mapping[str, Any]) -> str | None:
    """The user turn in which the model of GET /v1/models was trained for the task; None for one that was not."""
    kind = "extraction" if task.kind == "extraction" else "text_to_text"
    tasks = model.get("tasks", ())
    return next((str(one["prompt"]) for one in tasks if (one["name"], one["kind"]) == (task.name, kind)), None)


def _unreadable(why: str) -> Refused:
    """As if the service had said so: this arm fails, and no other."""
    return Refused(why, status=422, code="unreadable")


def _sha256(turn: str) -> str:
    return hashlib.sha256(turn.encode()).hexdigest()
