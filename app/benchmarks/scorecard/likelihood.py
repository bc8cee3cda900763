"""How surprised a model is by a text: bits of its tokens over bytes that both models are scored on, so that tokenizers compare.

Two tokenizers cut a text at different places, and the first token has no probability. Both models are therefore scored from
the first place in the text where a token begins for both: the same bytes, each given the same beginning.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks.client import ServiceClient
from app.benchmarks.scorecard.asking import Asked, Pair, Unmeasured, ask_both

ALTERNATIVES = 20  # next tokens whose probabilities are asked for


@dataclass(frozen=True)
class Echo:
    """A text as a model read it, token by token."""

    text: str
    offsets: Sequence[int]  # where each token begins, characters
    logprobs: Sequence[float | None]  # natural; None for the first token
    top: Sequence[Mapping[str, float] | None]

    @property
    def starts(self) -> set[int]:
        """Places from which on every token has a probability."""
        last_unknown = max((at for at, logprob in zip(self.offsets, self.logprobs, strict=True) if logprob is None), default=-1)
        return {at for at in self.offsets if at > last_unknown}

    def bits_from(self, start: int) -> float:
        known = [
            logprob for at, logprob in zip(self.offsets, self.logprobs, strict=True) if at >= start and logprob is not None
        ]
        return -sum(known) / math.log(2)

    def bits_per_byte_from(self, start: int) -> float:
        return self.bits_from(start) / len(self.text[start:].encode())

    def entropy_at(self, start: int) -> float:
        """Bits of uncertainty about the token that begins at `start`: the likeliest ones, and all the rest as one more.

        A lower bound of the entropy, as the rest is not told apart."""
        top = self.top[self.offsets.index(start)] or {}
        shares = [math.exp(logprob) for logprob in top.values()]
        shares.append(max(0.0, 1 - sum(shares)))
        return -sum(share * math.log2(share) for share in shares if share > 0)


async def echoes(client: ServiceClient, pair: Pair, texts: Sequence[str], *, alternatives: int = 1) -> Asked:
    """An Echo of each text by both models. Raises Unmeasured where an engine gives no log-probabilities of a prompt."""

    async def echo(model: str, text: str) -> Echo:
        body = {"model": model, "prompt": text, "max_tokens": 0, "echo": True, "logprobs": alternatives, "priority": "batch"}
        return _echo(text, (await client.post("/v1/completions", body))["choices"][0]["logprobs"], model)

    return await ask_both(pair, texts, echo)


def _echo(text: str, told: Mapping[str, Any] | None, model: str) -> Echo:
    if not told or not told["tokens"]:
        raise Unmeasured(f"{model} told no log-probabilities of the prompt.")
    # Without an answer the echo may still end with an entry of no token, which begins behind the text.
    inside = [place for place, at in enumerate(told["text_offset"]) if at < len(text)]
    return Echo(
        text,
        [told["text_offset"][place] for place in inside],
        [told["token_logprobs"][place] for place in inside],
        [told["top_logprobs"][place] for place in inside],
    )


def common_start(first: Echo, second: Echo, latest: int | None = None) -> int | None:
    """Where a token begins for both: the first such place, or with `latest` the last one up to there; None: there is none."""
    places = first.starts & second.starts
    if latest is None:
        return min(places, default=None)
    return max((place for place in places if place <= latest), default=None)


@dataclass(frozen=True)
class Bits:
    """Bits per byte of the same bytes, text by text."""

    general: list[float]
    custom: list[float]


def bits_per_byte(asked: Asked) -> Bits:
    general, custom = [], []
    for mine, other in zip(asked.general, asked.custom, strict=True):
        start = common_start(mine, other)
        if start is not None:
            general.append(mine.bits_per_byte_from(start))
            custom.append(other.bits_per_byte_from(start))
    return Bits(general, custom)
