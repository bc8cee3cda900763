"""The next token of each row from its logits, and log-probabilities as clients read them.

What a row draws depends on its own logits, its own settings and its own generator only: rows that share a step never change
each other's tokens.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from app.engines.base import Sampling, TokenLogprob
from app.engines.embedded.codec import Codec
from app.errors import InvalidRequest


class Drawer:
    """One request's settings and its stream of random numbers."""

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling
        self._generator = torch.Generator().manual_seed(sampling.seed % 2**64)

    @property
    def greedy(self) -> bool:
        return self.sampling.temperature == 0

    @property
    def filtered(self) -> bool:
        return self.sampling.top_k > 0 or self.sampling.top_p < 1

    def uniform(self) -> float:
        """The next number in [0, 1); one per token."""
        return torch.rand((), generator=self._generator, dtype=torch.float64).item()


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
    if "" in sampling.stop:
        raise InvalidRequest("A stop string is empty; leave it out.", param="stop")


def draw(logits: Tensor, drawers: Sequence[Drawer]) -> list[int]:
    """One token per row of `logits` [rows, vocabulary] (float32)."""
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
    """top_k first, then top_p of what is left: the fewest likeliest tokens that reach the share."""
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    chances = _cooled(ordered, drawers)
    ranks = torch.arange(logits.shape[-1], device=logits.device)
    most = _column([drawer.sampling.top_k or logits.shape[-1] for drawer in drawers], logits)
    chances = chances * (ranks < most)
    share = _column([drawer.sampling.top_p for drawer in drawers], logits) * chances.sum(-1, keepdim=True)
    chances = chances * ((chances.cumsum(-1) - chances) < share)
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
