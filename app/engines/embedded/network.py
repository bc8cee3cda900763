"""The packed forward pass: the tokens of many requests in one row without padding, each attending to its own request only.

Every layer but attention treats tokens one by one, so rows of any length and any variant share its matrix products. Attention
is ours (`attend`), registered with transformers under a name; it reads the step's plan to know who sees what.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from app.engines.embedded.kv import KeyValues

ATTENTION = "versus"

# What some architectures add to attention and we do not compute; weights.py refuses their models.
UNKNOWN_FEATURES = ("softcap", "s_aux", "position_bias")


@dataclass(frozen=True)
class Span:
    """Consecutive tokens of one request: they see `context` (an earlier part of the step) and themselves.

    `mask` [tokens, tokens] tells which of themselves they see; None is everything up to oneself. Keys and values go to
    `store_row` of the cache where it is not None.
    """

    start: int
    stop: int
    context: tuple[int, int] | None = None
    mask: Tensor | None = None
    store_row: int | None = None


@dataclass
class Plan:
    """One step: first a token of each running row, in the order of the cache's rows, then spans."""

    kv: KeyValues = field(default_factory=KeyValues)
    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)  # each token's adapter; 0 is the base
    keep: list[int] = field(default_factory=list)  # tokens whose logits are wanted
    rows: int = 0  # running rows at the front
    spans: list[Span] = field(default_factory=list)

    def add_row(self, token: int, position: int, slot: int) -> int:
        """The next token of a running row; returns the place of its logits among those kept."""
        self.rows += 1
        return self._add([token], [position], slot, keep=1)

    def add_prompt(self, ids: list[int], slot: int, *, keep: int, store_row: int | None = None) -> int:
        """A whole prompt, of which the logits of the last `keep` tokens are wanted; returns the place of the first of them."""
        start = len(self.ids)
        self.spans.append(Span(start, start + len(ids), store_row=store_row))
        return self._add(ids, list(range(len(ids))), slot, keep=keep)

    def add_branch(self, ids: list[int], positions: list[int], slot: int, context: tuple[int, int], mask: Tensor) -> int:
        """Tokens behind an earlier span, all of their logits wanted; returns the place of the first."""
        start = len(self.ids)
        self.spans.append(Span(start, start + len(ids), context, mask))
        return self._add(ids, positions, slot, keep=len(ids))

    def _add(self, ids: list[int], positions: list[int], slot: int, *, keep: int) -> int:
        first = len(self.keep)
        self.ids += ids
        self.positions += positions
        self.slots += [slot] * len(ids)
        self.keep += range(len(self.ids) - keep, len(self.ids))
        return first

    def to(self, device: torch.device) -> None:
        """Make what attention needs in every layer once."""
        self.row_numbers = torch.arange(self.rows, device=device)
        self.row_positions = torch.tensor(self.positions[: self.rows], device=device)
        self.longest = max(self.positions[: self.rows], default=-1) + 1
        places = torch.arange(self.longest, device=device)
        self.row_mask = (places <= self.row_positions[:, None])[:, None, None]  # [rows, 1, 1, longest]
        self.span_masks = [_span_mask(span, device) for span in self.spans]
        self.row_slots = torch.tensor(self.slots[: self.rows], device=device) if any(self.slots[: self.rows]) else None
        self.runs: list[tuple[int, int, int]] = []  # start, stop, adapter of neighbouring spans
        for span in self.spans:
            slot = self.slots[span.start]
            if self.runs and self.runs[-1][2] == slot:
                self.runs[-1] = (self.runs[-1][0], span.stop, slot)
            else:
                self.runs.append((span.start, span.stop, slot))


def _span_mask(span: Span, device: torch.device) -> Tensor | None:
    """[1, 1, tokens, context and tokens]"""
    if span.mask is None:
        return None
    mask = span.mask.to(device)
    if span.context is not None:
        seen = torch.ones(len(mask), span.context[1] - span.context[0], dtype=torch.bool, device=device)
        mask = torch.cat((seen, mask), dim=1)
    return mask[None, None]


class Network:
    """A language model from transformers, run step by step."""

    def __init__(self, module: nn.Module, device: torch.device, vocabulary: int) -> None:
        self.module, self.device, self.vocabulary = module, device, vocabulary
        self.plan = Plan()  # the step in work; the adapters' layers read it

    def logits(self, plan: Plan) -> Tensor:
        """Run a step: [tokens kept, vocabulary] in float32."""
        with torch.inference_mode():
            plan.to(self.device)
            self.plan = plan
            out = self.module(
                input_ids=torch.tensor([plan.ids], device=self.device),
                position_ids=torch.tensor([plan.positions], device=self.device),
                logits_to_keep=torch.tensor(plan.keep, device=self.device),
                use_cache=False,
                plan=plan,
            )
            logits: Tensor = out.logits[0].float()
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
    """Attention of a packed step: query [1, heads, tokens, size], key and value with as many heads or fewer."""
    found = [name for name in UNKNOWN_FEATURES if features.get(name) is not None]
    if plan is None or attention_mask is not None or found:
        raise NotImplementedError(f"attention with {', '.join(found) or 'a mask of its own'}")
    parts = []
    if plan.rows:
        parts.append(_attend_rows(module.layer_idx, query, key, value, scaling, plan))
    for span, mask in zip(plan.spans, plan.span_masks, strict=True):
        own = slice(span.start, span.stop)
        keys, values = key[:, :, own], value[:, :, own]
        if span.store_row is not None:
            stored = plan.kv.layer(module.layer_idx, key, value)
            stored[0][span.store_row, :, : span.stop - span.start] = keys[0]
            stored[1][span.store_row, :, : span.stop - span.start] = values[0]
        if span.context is not None:
            before = slice(*span.context)
            if span.context[1] == span.start:
                keys, values = key[:, :, before.start : span.stop], value[:, :, before.start : span.stop]
            else:
                keys, values = torch.cat((key[:, :, before], keys), 2), torch.cat((value[:, :, before], values), 2)
        out = scaled_dot_product_attention(
            query[:, :, own],
            keys,
            values,
            attn_mask=mask,
            is_causal=mask is None,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        parts.append(out.transpose(1, 2))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1), None


def _attend_rows(layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float | None, plan: Plan) -> Tensor:
    """One token per running row against all that the row has said; returns [1, rows, heads, size]."""
    rows = plan.rows
    keys, values = plan.kv.layer(layer, key, value)
    keys[plan.row_numbers, :, plan.row_positions] = key[0, :, :rows].transpose(0, 1)
    values[plan.row_numbers, :, plan.row_positions] = value[0, :, :rows].transpose(0, 1)
    # Heads that share keys become queries of one head: [rows, key heads, heads per key head, size].
    grouped = query[0, :, :rows].transpose(0, 1).reshape(rows, key.shape[1], -1, query.shape[-1])
    out = scaled_dot_product_attention(
        grouped, keys[:rows, :, : plan.longest], values[:rows, :, : plan.longest], attn_mask=plan.row_mask, scale=scaling
    )
    return out.flatten(1, 2)[None]


AttentionInterface.register(ATTENTION, attend)
