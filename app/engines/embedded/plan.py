"""One step of a packed forward pass: which tokens of which requests it computes, and what each of them sees.

The tokens of many requests stand in one row. Every layer but attention treats them one by one, so rows of any length and any
variant share its matrix products; attention reads the plan to know who sees what.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from app.engines.embedded.kv import KeyValues

ALIGN = 4
SHARED = 510  # longer texts attend alone, see `attention.py`


@dataclass(frozen=True)
class Company:
    """What of a step may be computed in company without changing a bit; `network.py` and `attention.py` find it out.

    `fill`: a product of a few rows sums in another order than a larger one, so the rows are filled up to a multiple of `ALIGN`
    (spans always are). `attend`: rows that generate may attend together.
    """

    fill: bool = True
    attend: bool = False


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


@dataclass(frozen=True)
class RowRun:
    """Running rows at neighbouring places whose texts have about one length: they attend in one call.

    They see `seen` tokens each; `mask` [rows, 1, 1, seen] adds -inf to those that a row does not have, and is None for a row
    that attends alone. How much a row sees depends on its own length only, and so does the order of its sums.
    """

    start: int
    stop: int
    place: int
    seen: int
    mask: Tensor | None


@dataclass
class Plan:
    """First a token of each running row, in the order of their places, then spans."""

    kv: KeyValues = field(default_factory=KeyValues)
    company: Company = field(default_factory=Company)
    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    keep: list[int] = field(default_factory=list)  # tokens whose logits are wanted
    slots: list[int] = field(default_factory=list)  # the adapter of each running row; 0 is the base
    places: list[int] = field(default_factory=list)  # where in the cache each running row is
    spans: list[Span] = field(default_factory=list)
    ranked: dict[tuple[int, ...], list[tuple[int, Tensor | None, Tensor]]] = field(default_factory=dict)  # of lora.py

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
        if self.spans or self.company.fill:
            self._fill()
            self.keep += self.keep[-1:] * (-len(self.keep) % ALIGN)
        self.lengths = [position + 1 for position in self.positions[: self.rows]]  # of each row, with its new token
        self.row_places = torch.tensor(self.places, dtype=torch.long, device=device)
        self.row_positions = torch.tensor(self.positions[: self.rows], device=device)
        self.row_runs = (
            _row_runs(self.places, self.lengths, device) if self.company.attend else _alone(self.places, self.lengths)
        )
        self.span_masks = [_span_mask(span, device) for span in self.spans]
        self.runs: list[tuple[int, int, int]] = []  # start, stop, adapter of neighbouring spans
        for span in self.spans:
            stop = span.stop + -span.stop % ALIGN
            if self.runs and self.runs[-1][2] == span.slot:
                self.runs[-1] = (self.runs[-1][0], stop, span.slot)
            else:
                self.runs.append((span.start, stop, span.slot))


def _alone(places: list[int], lengths: list[int]) -> list[RowRun]:
    return [RowRun(row, row + 1, place, length, None) for row, (place, length) in enumerate(zip(places, lengths, strict=True))]


def _row_runs(places: list[int], lengths: list[int], device: torch.device) -> list[RowRun]:
    seen = [_rounded(length) for length in lengths]
    count = len(places)
    starts = [
        row
        for row in range(count)
        if row == 0 or seen[row] > SHARED or (places[row], seen[row]) != (places[row - 1] + 1, seen[row - 1])
    ]
    return [
        RowRun(start, stop, places[start], seen[start], _unseen(lengths[start:stop], seen[start], device))
        if seen[start] <= SHARED
        else RowRun(start, stop, places[start], lengths[start], None)
        for start, stop in pairwise([*starts, count])
    ]


def _rounded(tokens: int) -> int:
    """To 2 below a multiple of 32; `attention.py` tells why."""
    return -(-(tokens + 2) // 32) * 32 - 2


def _unseen(lengths: list[int], seen: int, device: torch.device) -> Tensor:
    """[rows, 1, 1, seen]: 0 for the first tokens of each row, -inf for the others."""
    own = torch.arange(seen, device=device) < torch.tensor(lengths, device=device)[:, None]
    return torch.where(own, 0.0, -math.inf)[:, None, None]


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
