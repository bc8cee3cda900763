"""Attention of a packed step: each request sees its own tokens only, in its own order of sums.

Rows that generate attend together where their places in the cache allow it (on a GPU always); spans one by one. Registered
with transformers under a name, for the architectures that run by its code.

Together, and yet to the same bits: torch gives each thread working memory for `seen` scores, a maximum, a sum and a head's
output (`cpu_flash_attention`), one behind the other, and the product behind it sums in an order that depends on where that
memory begins. With `seen` 2 below a multiple of 16, and heads of a multiple of 16 numbers, every thread's begins alike. Scores
come in blocks of 512 at most, so longer texts attend alone, as all do where `may_share` finds that this does not hold.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from app.engines.embedded.kv import KeyValues
from app.engines.embedded.plan import SHARED, Company, Plan, Span

ATTENTION = "versus"

ROWS = 7  # that `may_share` tries

# What some architectures add to attention and we do not compute; weights.py refuses their models.
UNKNOWN_FEATURES = ("softcap", "s_aux", "position_bias")


def attend(layer: int, query: Tensor, pairs: Tensor, scale: float | None, plan: Plan) -> Tensor:
    """query [tokens, heads, size]; pairs [tokens, 2 x key heads, size], keys before values, with as many heads or fewer.

    Returns [tokens, heads x size]; what filling tokens get is zero.
    """
    stored = plan.kv.layer(layer, pairs)
    parts = []
    if plan.rows:
        stored[plan.row_places, plan.row_positions] = pairs[: plan.rows]
        rows = _rows if query.device.type == "cpu" else _rows_at_once
        parts = rows(query[: plan.rows], stored, scale, plan)
        if len(parts) == 1 and plan.rows == len(query):
            return parts[0]
    out = query.new_zeros(len(query), query.shape[1] * query.shape[2])
    if parts:
        torch.cat(parts, out=out[: plan.rows])
    for span, mask in zip(plan.spans, plan.span_masks, strict=True):
        own = slice(span.start, span.stop)
        out[own] = _span(span, mask, query[own], _seen(span, stored, pairs[own]), scale)
    return out


def _rows(query: Tensor, stored: Tensor, scale: float | None, plan: Plan) -> list[Tensor]:
    """One token per row against all that the row has said: [rows, heads x size] of each run."""
    grouped = _grouped(query, stored)
    parts = []
    for run in plan.row_runs:
        keys, values = _split(stored[run.place : run.place + run.stop - run.start, : run.seen])
        seen = scaled_dot_product_attention(grouped[run.start : run.stop], keys, values, attn_mask=run.mask, scale=scale)
        parts.append(seen.flatten(1))
    return parts


def _rows_at_once(query: Tensor, stored: Tensor, scale: float | None, plan: Plan) -> list[Tensor]:
    """The same in one call, for a device where calls are dear."""
    longest = max(plan.lengths)
    mask = torch.arange(longest, device=query.device) < (plan.row_positions + 1)[:, None]
    keys, values = _split(stored[plan.row_places, :longest])
    seen = scaled_dot_product_attention(_grouped(query, stored), keys, values, attn_mask=mask[:, None, None], scale=scale)
    return [seen.flatten(1)]


def _grouped(query: Tensor, stored: Tensor) -> Tensor:
    """Heads that share keys become queries of one head: [rows, key heads, heads per key head, size]."""
    return query.view(len(query), stored.shape[2] // 2, -1, query.shape[-1])


def _split(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """[..., tokens, 2 x key heads, size] to keys and values [..., key heads, tokens, size]."""
    keys, values = pairs.transpose(-3, -2).chunk(2, -3)
    return keys, values


def _span(span: Span, mask: Tensor | None, query: Tensor, seen: Tensor, scale: float | None) -> Tensor:
    """[tokens, heads x size]"""
    keys, values = _split(seen[None])
    out = scaled_dot_product_attention(
        query.transpose(0, 1)[None],
        keys,
        values,
        attn_mask=mask,
        is_causal=mask is None,
        scale=scale,
        enable_gqa=2 * query.shape[1] != seen.shape[1],
    )
    return out[0].transpose(0, 1).flatten(1)


def _seen(span: Span, stored: Tensor, new: Tensor) -> Tensor:
    """Keys and values that a span sees: [tokens before and own, 2 x key heads, size]. `new` are its own."""
    stop = span.before + span.stop - span.start
    if span.stored:
        stored[span.place, span.before : stop] = new
        return stored[span.place, :stop]
    return torch.cat((stored[span.place, : span.before], new))


def _attend_for_transformers(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    plan: Plan | None = None,
    **features: Any,
) -> tuple[Tensor, None]:
    """query [1, heads, tokens, size], key and value with as many heads or fewer; returns [1, tokens, heads, size]."""
    found = [name for name in UNKNOWN_FEATURES if features.get(name) is not None]
    if getattr(module, "is_causal", True) is False:
        raise NotImplementedError("attention to what comes later")
    if plan is None or attention_mask is not None or found:
        raise NotImplementedError(f"attention with {', '.join(found) or 'a mask of its own'}")
    pairs = torch.cat((key, value), dim=1)[0].transpose(0, 1)
    tokens = query[0].transpose(0, 1).contiguous()
    return attend(module.layer_idx, tokens, pairs, scaling, plan).view(1, *tokens.shape), None


@cache
def may_share(heads: int, queries: int, size: int, threads: int) -> bool:
    """Whether rows that attend together get the bits that each gets alone, with so many key heads, queries of each, threads."""
    if size % 16:
        return False
    numbers = torch.Generator().manual_seed(0)
    kv = KeyValues()
    places = [kv.take(SHARED) for _ in range(ROWS)]
    query = torch.randn(ROWS, heads * queries, size, generator=numbers)
    stored = kv.layer(0, torch.zeros(2 * heads, size))
    stored[:ROWS] = torch.randn(ROWS, stored.shape[1], 2 * heads, size, generator=numbers)
    for length in (1, 29, 30, 31, 100, SHARED):
        plans = []
        for rows in (places, *([place] for place in places), places[2:5]):
            plan = Plan(kv, Company(attend=True))
            for place in rows:
                plan.add_row(0, max(0, length - 1 - place % 3), 0, place)
            plan.close(torch.device("cpu"))
            plans.append(torch.cat(_rows(query[rows], stored, None, plan)))
        if not (torch.equal(plans[0], torch.cat(plans[1:-1])) and torch.equal(plans[0][2:5], plans[-1])):
            return False
    return True


AttentionInterface.register(ATTENTION, _attend_for_transformers)
