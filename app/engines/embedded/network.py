"""The packed forward pass: the tokens of many requests in one row, each attending to its own request only.

Every layer but attention treats tokens one by one, so rows of any length and any variant share its matrix products. Attention
is ours (`attend`), registered with transformers under a name; it reads the step's plan to know who sees what.

A request's numbers do not depend on its company, to the last bit. Attention runs request by request (on a GPU: rows together).
A matrix product of 1, 2 or 3 rows sums in another order than a larger one, and so do the rows that are left over when threads
share a larger one; therefore each part of a step is filled up to a multiple of `ALIGN` tokens. `rows_are_independent` tells
whether that is enough on this machine. A prompt is always computed in the same chunks, so that neither its length nor what is
known of its beginning changes a bit.
"""

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention
from transformers import AttentionInterface

from app.engines.embedded.kv import KeyValues

ATTENTION = "versus"
ALIGN = 4

# What some architectures add to attention and we do not compute; weights.py refuses their models.
UNKNOWN_FEATURES = ("softcap", "s_aux", "position_bias")


@dataclass(frozen=True)
class Span:
    """Consecutive tokens of one request: they see the first `before` tokens at their `place` of the cache, and themselves.

    `mask` [tokens, tokens] tells which of themselves they see; None is everything up to oneself. A prompt's chunk is `stored`
    behind what it sees; label tokens leave nothing behind.
    """

    start: int
    stop: int
    slot: int
    place: int
    before: int
    mask: Tensor | None
    stored: bool


@dataclass
class Plan:
    """One step: first a token of each running row, then spans."""

    kv: KeyValues = field(default_factory=KeyValues)
    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    keep: list[int] = field(default_factory=list)  # tokens whose logits are wanted
    slots: list[int] = field(default_factory=list)  # the adapter of each running row; 0 is the base
    places: list[int] = field(default_factory=list)  # where in the cache each running row is
    spans: list[Span] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.slots)

    def add_row(self, token: int, position: int, slot: int, place: int) -> int:
        """The next token of a running row; returns the place of its logits among those kept."""
        self.slots.append(slot)
        self.places.append(place)
        return self._add([token], [position], keep=1)

    def add_chunk(self, ids: list[int], slot: int, place: int, *, before: int, keep: int) -> int:
        """A prompt's tokens behind its first `before`; the logits of the last `keep` are wanted. Returns the first of those."""
        start = self._fill()
        self.spans.append(Span(start, start + len(ids), slot, place, before, None, stored=True))
        return self._add(ids, list(range(before, before + len(ids))), keep=keep)

    def add_branch(self, ids: list[int], depths: list[int], slot: int, place: int, *, before: int, mask: Tensor) -> int:
        """Label tokens behind a prompt of `before` tokens, all of their logits wanted; returns the place of the first."""
        start = self._fill()
        self.spans.append(Span(start, start + len(ids), slot, place, before, mask, stored=False))
        return self._add(ids, [before + depth for depth in depths], keep=len(ids))

    def _add(self, ids: list[int], positions: list[int], *, keep: int) -> int:
        first = len(self.keep)
        self.ids += ids
        self.positions += positions
        self.keep += range(len(self.ids) - keep, len(self.ids))
        return first

    def _fill(self) -> int:
        """Fill up with tokens that nobody sees; returns where the next part begins."""
        missing = -len(self.ids) % ALIGN
        self.ids += [0] * missing
        self.positions += [0] * missing
        return len(self.ids)

    def close(self, device: torch.device) -> None:
        """Nothing more is added: make what every layer needs once."""
        self._fill()
        self.keep += self.keep[-1:] * (-len(self.keep) % ALIGN)
        self.lengths = [position + 1 for position in self.positions[: self.rows]]  # of each row, with its new token
        self.row_places = torch.tensor(self.places, dtype=torch.long, device=device)
        self.row_positions = torch.tensor(self.positions[: self.rows], device=device)
        self.span_masks = [_span_mask(span, device) for span in self.spans]
        self.runs: list[tuple[int, int, int]] = []  # start, stop, adapter of neighbouring spans
        for span in self.spans:
            stop = span.stop + -span.stop % ALIGN
            if self.runs and self.runs[-1][2] == span.slot:
                self.runs[-1] = (self.runs[-1][0], stop, span.slot)
            else:
                self.runs.append((span.start, stop, span.slot))


def _span_mask(span: Span, device: torch.device) -> Tensor | None:
    """[1, 1, tokens, tokens before and own]; None for a prompt's first chunk."""
    if span.mask is None:
        return _causal(span.stop - span.start, span.before, device) if span.before else None
    mask = span.mask.to(device)
    seen = torch.ones(len(mask), span.before, dtype=torch.bool, device=device)
    return torch.cat((seen, mask), dim=1)[None, None]


@lru_cache(maxsize=1024)
def _causal(tokens: int, before: int, device: torch.device) -> Tensor:
    mask = torch.ones(tokens, before + tokens, dtype=torch.bool, device=device)
    return mask.tril(before)[None, None]


class Pass(Protocol):
    """Another way to compute what the module does."""

    def __call__(self, ids: Tensor, positions: Tensor, keep: Tensor, plan: Plan) -> Tensor: ...


class Network:
    """A language model from transformers, run step by step; by its own code, or by `fused` where that computes the same."""

    def __init__(self, module: nn.Module, device: torch.device, vocabulary: int) -> None:
        self.module, self.device, self.vocabulary = module, device, vocabulary
        self.fused: Pass | None = None
        self.plan = Plan()  # the step in work; the adapters' layers read it

    def logits(self, plan: Plan) -> Tensor:
        """Run a step: [tokens kept, vocabulary] in float32."""
        wanted = len(plan.keep)
        with torch.inference_mode():
            plan.close(self.device)
            self.plan = plan
            ids = torch.tensor([plan.ids], device=self.device)
            positions = torch.tensor([plan.positions], device=self.device)
            keep = torch.tensor(plan.keep, dtype=torch.long, device=self.device)
            if self.fused is not None:
                return self.fused(ids, positions, keep, plan)[0, :wanted].float()
            out = self.module(input_ids=ids, position_ids=positions, logits_to_keep=keep, use_cache=False, plan=plan)
            logits: Tensor = out.logits[0, :wanted].float()
        return logits


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    plan: Plan | None = None,
    **features: Any,
) -> tuple[Tensor, None]:
    """Attention of a packed step: query [1, heads, tokens, size], key and value with as many heads or fewer.

    Returns [1, tokens, heads, size]; what filling tokens get is zero.
    """
    found = [name for name in UNKNOWN_FEATURES if features.get(name) is not None]
    if plan is None or attention_mask is not None or found:
        raise NotImplementedError(f"attention with {', '.join(found) or 'a mask of its own'}")
    out = value.new_zeros(1, query.shape[2], query.shape[1], value.shape[3])
    if plan.rows:
        _attend_rows(module.layer_idx, query, key, value, scaling, plan, out)
    stored = plan.kv.layer(module.layer_idx, key, value)
    for span, mask in zip(plan.spans, plan.span_masks, strict=True):
        own = slice(span.start, span.stop)
        keys, values = (_seen(span, all_of, new[0, :, own]) for all_of, new in zip(stored, (key, value), strict=True))
        seen = scaled_dot_product_attention(
            query[:, :, own],
            keys,
            values,
            attn_mask=mask,
            is_causal=mask is None,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        out[:, own] = seen.transpose(1, 2)
    return out, None


def _seen(span: Span, stored: Tensor, new: Tensor) -> Tensor:
    """Keys or values that a span sees: [1, heads, tokens before and own, size]. `new` [heads, tokens, size] are its own."""
    stop = span.before + span.stop - span.start
    if span.stored:
        stored[span.place, :, span.before : stop] = new
        return stored[span.place, None, :, :stop]
    return torch.cat((stored[span.place, :, : span.before], new), 1)[None]


def _attend_rows(layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float | None, plan: Plan, out: Tensor) -> None:
    """One token per running row against all that the row has said."""
    rows = plan.rows
    keys, values = plan.kv.layer(layer, key, value)
    keys[plan.row_places, :, plan.row_positions] = key[0, :, :rows].transpose(0, 1)
    values[plan.row_places, :, plan.row_positions] = value[0, :, :rows].transpose(0, 1)
    # Heads that share keys become queries of one head: [rows, key heads, heads per key head, size].
    grouped = query[0, :, :rows].transpose(0, 1).reshape(rows, key.shape[1], -1, query.shape[-1])
    seen = _one_by_one if query.device.type == "cpu" else _together
    out[0, :rows] = seen(grouped, keys, values, plan.places, plan.lengths, scaling).flatten(1, 2)


def _one_by_one(
    query: Tensor, keys: Tensor, values: Tensor, places: list[int], lengths: list[int], scale: float | None
) -> Tensor:
    """Each row sees its own first keys, whatever lies behind them: the same sums in any company."""
    parts = [
        scaled_dot_product_attention(
            query[row, None], keys[place, None, :, :length], values[place, None, :, :length], scale=scale
        )
        for row, (place, length) in enumerate(zip(places, lengths, strict=True))
    ]
    return torch.cat(parts)


def _together(
    query: Tensor, keys: Tensor, values: Tensor, places: list[int], lengths: list[int], scale: float | None
) -> Tensor:
    """The same in one call, for a device where calls are dear."""
    longest = max(lengths)
    mask = torch.arange(longest, device=query.device) < torch.tensor(lengths, device=query.device)[:, None]
    return scaled_dot_product_attention(
        query, keys[places, :, :longest], values[places, :, :longest], attn_mask=mask[:, None, None], scale=scale
    )


@cache
def rows_are_independent() -> bool:
    """Whether this processor's matrix products give a row the same bits in any company, in multiples of `ALIGN` rows."""
    numbers = torch.Generator().manual_seed(0)
    for width, out in ((64, 64), (192, 512), (512, 192), (256, 704), (704, 256)):
        weight = torch.randn(out, width, generator=numbers)
        x = torch.randn(64, width, generator=numbers)
        alone = torch.cat([linear(part, weight) for part in torch.split(x, ALIGN)])
        if not all(torch.equal(linear(x[:count], weight), alone[:count]) for count in (2 * ALIGN, 5 * ALIGN, 64)):
            return False
    return True


AttentionInterface.register(ATTENTION, attend)
