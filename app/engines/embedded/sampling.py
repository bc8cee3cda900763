"""The next token of each row from its logits, and log-probabilities as clients read them.

What a row draws depends on its own logits, its own settings and its own generator only: rows that share a step never change
each other's tokens.
"""

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from app.engines.base import Sampling, TokenLogprob
from app.engines.embedded.codec import Codec
from app.engines.embedded.grammar import Constraint
from app.errors import InvalidRequest


class Drawer:
    """One request's settings, its stream of random numbers, and what its answer holds so far."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int] = (), constraint: Constraint | None = None) -> None:
        self.sampling, self.constraint = sampling, constraint
        self._generator = torch.Generator().manual_seed(sampling.seed % 2**64)
        self._answer: Counter[int] = Counter()
        self._seen = set(prompt) if sampling.repetition_penalty != 1 else set()
        self._biased = torch.tensor([token for token, _ in sampling.logit_bias], dtype=torch.long)
        self._biases = torch.tensor([bias for _, bias in sampling.logit_bias])

    @property
    def greedy(self) -> bool:
        return self.sampling.temperature == 0

    @property
    def filtered(self) -> bool:
        return self.sampling.top_k > 0 or self.sampling.top_p < 1 or self.sampling.min_p > 0

    @property
    def shapes(self) -> bool:
        """Whether logits are changed before a token is drawn."""
        asked = self.sampling
        penalties = asked.repetition_penalty != 1 or asked.presence_penalty or asked.frequency_penalty
        return bool(asked.logit_bias or penalties or self.constraint)

    def uniform(self) -> float:
        """The next number in [0, 1); one per token."""
        return torch.rand((), generator=self._generator, dtype=torch.float64).item()

    def shape(self, logits: Tensor) -> None:
        """[vocabulary]: changes them as `Sampling` says. Raises Unprocessable as `Constraint.allowed` does."""
        asked = self.sampling
        if asked.logit_bias:
            logits[self._biased] += self._biases.to(logits)
        if asked.repetition_penalty != 1:
            seen = sorted(self._seen)
            own = logits[seen]
            logits[seen] = torch.where(own > 0, own / asked.repetition_penalty, own * asked.repetition_penalty)
        if self._answer and (asked.presence_penalty or asked.frequency_penalty):
            counts = torch.tensor([*self._answer.values()], dtype=logits.dtype, device=logits.device)
            logits[[*self._answer]] -= asked.presence_penalty + asked.frequency_penalty * counts
        if self.constraint is not None:
            allowed = self.constraint.allowed().to(logits.device)
            # Weights may have more rows than the tokenizer has tokens.
            logits[: len(allowed)].masked_fill_(~allowed, -math.inf)
            logits[len(allowed) :] = -math.inf

    def took(self, token: int) -> None:
        """The answer goes on with `token`."""
        self._answer[token] += 1
        if self.sampling.repetition_penalty != 1:
            self._seen.add(token)
        if self.constraint is not None:
            self.constraint.took(token)


def check(sampling: Sampling) -> None:
    """Raises InvalidRequest that names the field."""
    if sampling.max_tokens is not None and sampling.max_tokens < 0:
        raise InvalidRequest("max_tokens must not be negative.", param="max_tokens")
    if not 0 <= sampling.temperature < math.inf:
        raise InvalidRequest("temperature must be 0 or a positive number.", param="temperature")
    if not 0 < sampling.top_p <= 1:
        raise InvalidRequest("top_p must be above 0 and at most 1.", param="top_p")
    if sampling.top_k < 0:
        raise InvalidRequest("top_k must not be negative; 0 leaves all tokens in.", param="top_k")
    if not 0 <= sampling.min_p <= 1:
        raise InvalidRequest("min_p must be between 0 and 1.", param="min_p")
    if not 0 < sampling.repetition_penalty < math.inf:
        raise InvalidRequest("repetition_penalty must be a positive number; 1 changes nothing.", param="repetition_penalty")
    if "" in sampling.stop:
        raise InvalidRequest("A stop string is empty; leave it out.", param="stop")


def draw(logits: Tensor, drawers: Sequence[Drawer]) -> list[int]:
    """One token per row of `logits` [rows, vocabulary] (float32), which are shaped already."""
    tokens: list[int] = logits.argmax(-1).tolist()
    for filtered in (False, True):
        rows = [i for i, drawer in enumerate(drawers) if not drawer.greedy and drawer.filtered == filtered]
        if rows:
            own = [drawers[i] for i in rows]
            found = (_draw_filtered if filtered else _draw_plain)(logits[rows], own)
            for i, token in zip(rows, found, strict=True):
                tokens[i] = token
    return tokens


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """[rows, 1]"""
    return torch.tensor(values, dtype=torch.float64, device=like.device)[:, None]


def _cooled(logits: Tensor, drawers: Sequence[Drawer]) -> Tensor:
    """Probabilities at each row's temperature, float64. The largest logit becomes 0, so that no temperature overflows."""
    shifted = (logits - logits.amax(-1, keepdim=True)).double()
    return (shifted / _column([drawer.sampling.temperature for drawer in drawers], logits)).softmax(-1)


def _draw_plain(logits: Tensor, drawers: Sequence[Drawer]) -> list[int]:
    found: list[int] = _pick(_cooled(logits, drawers), drawers).tolist()
    return found


def _draw_filtered(logits: Tensor, drawers: Sequence[Drawer]) -> list[int]:
    """top_k first, then top_p of what is left, the fewest likeliest tokens that reach the share; then min_p."""
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    chances = _cooled(ordered, drawers)
    ranks = torch.arange(logits.shape[-1], device=logits.device)
    most = _column([drawer.sampling.top_k or logits.shape[-1] for drawer in drawers], logits)
    chances = chances * (ranks < most)
    share = _column([drawer.sampling.top_p for drawer in drawers], logits) * chances.sum(-1, keepdim=True)
    chances = chances * ((chances.cumsum(-1) - chances) < share)
    chances = chances * (chances >= _column([drawer.sampling.min_p for drawer in drawers], logits) * chances[:, :1])
    found: list[int] = order.gather(-1, _pick(chances, drawers)[:, None])[:, 0].tolist()
    return found


def _pick(chances: Tensor, drawers: Sequence[Drawer]) -> Tensor:
    """The first place where the summed chances pass a random share of their total."""
    sums = chances.cumsum(-1)
    wanted = _column([drawer.uniform() for drawer in drawers], chances) * sums[:, -1:]
    return torch.searchsorted(sums, wanted, right=True)[:, 0].clamp(max=chances.shape[-1] - 1)


def log_probabilities(logits: Tensor, tokens: Sequence[int], most: int, codec: Codec) -> list[TokenLogprob]:
    """Of each row's token, with the `most` likeliest tokens beside it. All come from one tensor, rounded once, so that the
    likeliest token's number is exactly equal wherever it is found."""
    if not tokens:
        return []
    logprobs = logits.log_softmax(-1)
    own = logprobs.gather(-1, torch.tensor(tokens, device=logits.device)[:, None])[:, 0].tolist()
    tops: list[dict[int, float]] = [{} for _ in tokens]
    if most:
        values, ids = logprobs.topk(min(most, logits.shape[-1]), dim=-1)
        tops = [dict(zip(*row, strict=True)) for row in zip(ids.tolist(), values.tolist(), strict=True)]
    return [
        TokenLogprob(token, codec.token_text(token), logprob, top, {id: codec.token_text(id) for id in top})
        for token, logprob, top in zip(tokens, own, tops, strict=True)
    ]
