"""A model of bytes by the bytes before them: what a text costs without any language model.

Interpolated Witten-Bell smoothing (Witten & Bell 1991, IEEE Trans. Inf. Theory 37:1085; the form of Chen & Goodman 1998,
TR-10-98, section 2.7): after history h, seen C times and followed by T different bytes, a byte that came c times has
P(b | h) = (c + T P(b | h shortened by its first byte)) / (C + T), down to 1/256 for each byte.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 7  # bytes of an n-gram: they fit into one 64-bit number
MOST = 5_000_000  # bytes learned from

Codes = NDArray[np.uint64]


class ByteNgrams:
    """Counts of all n-grams of up to LONGEST bytes. A text begins after zero bytes, which no stored text holds."""

    def __init__(self, texts: Sequence[str]) -> None:
        whole = b"".join(bytes(LONGEST - 1) + text.encode() for text in texts)
        self.cut, padded = len(whole) > MOST, whole[:MOST]
        starts = np.frombuffer(padded, dtype=np.uint8) != 0
        self.longest = LONGEST
        self._levels: list[tuple[Codes, Any, Codes, Any, Any]] = []
        for n in range(1, LONGEST + 1):
            # A byte of a text is foreseen, a zero before it is not.
            codes = _codes(padded, n)[starts[n - 1 :]]
            grams, counts = np.unique(codes, return_counts=True)
            histories, first = np.unique(grams >> np.uint64(8), return_index=True)  # of sorted grams: runs of one history
            seen = np.add.reduceat(counts, first)
            kinds = np.diff(np.append(first, len(grams)))
            self._levels.append((grams, counts, histories, seen, kinds))
        self.parameters = sum(len(grams) for grams, *_ in self._levels)

    def bits(self, text: str) -> list[float]:
        """-log2 of the text's likelihood by n-grams of at most 1, 2, .. LONGEST bytes."""
        padded = bytes(LONGEST - 1) + text.encode()
        size = len(padded) - LONGEST + 1
        likely = np.full(size, 1 / 256)
        found = []
        for n, (grams, counts, histories, seen, kinds) in enumerate(self._levels, start=1):
            codes = _codes(padded, n)[-size:] if size else np.zeros(0, dtype=np.uint64)
            c, total, types = _at(grams, counts, codes), *(_at(histories, x, codes >> np.uint64(8)) for x in (seen, kinds))
            known = total > 0
            likely[known] = (c[known] + types[known] * likely[known]) / (total[known] + types[known])
            found.append(float(-np.log2(likely).sum()))
        return found


def _codes(data: bytes, n: int) -> Codes:
    """Each run of n bytes as one number, (len(data) - n + 1,)."""
    octets = np.frombuffer(data, dtype=np.uint8).astype(np.uint64)
    size = len(octets) - n + 1
    codes = np.zeros(max(size, 0), dtype=np.uint64)
    for place in range(n):
        codes = (codes << np.uint64(8)) | octets[place : place + size]
    return codes


def _at(known: Codes, values: Any, wanted: Codes) -> NDArray[np.float64]:
    """`values` of the wanted codes; 0 for one that is not known. `known` is sorted."""
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[places] == wanted, values[places], 0).astype(np.float64)
