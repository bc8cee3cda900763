"""How likely a model finds whole answers: bits of each, and bits per byte of them all with an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import norm
from torch import nn

from app.training.loop import output_at
from app.training.plan import Encoded
from app.training.score import like_widths


@dataclass(frozen=True)
class BitsPerByte:
    """Mean over all bytes of `cases` answers; `low` and `high` end the 95 % interval, None for a single answer."""

    value: float
    low: float | None
    high: float | None
    cases: int


def answer_bits(model: nn.Module, rows: Sequence[Encoded], *, pad: int = 0, batch_tokens: int = 8192) -> list[float]:
    """-log2 p(answer, end | prompt) of each row, in bits."""
    device = next(model.parameters()).device
    found = [0.0] * len(rows)
    with torch.inference_mode():
        for group in like_widths([len(row) for row in rows], batch_tokens):
            width = max(len(rows[i]) for i in group)
            ids = torch.full((len(group), width), pad)
            answered = torch.zeros(len(group), width, dtype=torch.bool)
            for at, i in enumerate(group):
                ids[at, : len(rows[i])] = torch.tensor(rows[i].prompt + rows[i].answer)
                answered[at, len(rows[i].prompt) : len(rows[i])] = True
            places, targets = answered[:, 1:].to(device), ids[:, 1:].to(device)
            with output_at(model, places):
                logits = model(input_ids=ids.to(device), use_cache=False).logits  # [answer tokens, vocabulary]
            losses = nn.functional.cross_entropy(logits.float(), targets[places], reduction="none").cpu()
            at = 0
            for i in group:
                found[i] = float(losses[at : at + len(rows[i].answer)].sum()) / math.log(2)
                at += len(rows[i].answer)
    return found


def bits_per_byte(bits: Sequence[float], sizes: Sequence[int]) -> BitsPerByte:
    """All bits over all bytes. The interval is that of a ratio estimated from cases (W. G. Cochran, "Sampling Techniques", 3rd
    ed., 1977, chapter 6): normal, by the spread of bits - ratio * bytes."""
    cases, total = len(bits), sum(sizes)
    ratio = sum(bits) / total
    if cases < 2:
        return BitsPerByte(ratio, None, None, cases)
    spread = sum((one - ratio * size) ** 2 for one, size in zip(bits, sizes, strict=True)) / (cases - 1)
    half = float(norm.ppf(0.975)) * math.sqrt(spread / cases) / (total / cases)
    return BitsPerByte(ratio, max(0.0, ratio - half), ratio + half, cases)
