"""Finds texts that two splits share, word for word or nearly, so that a score on test is not a score on what was learned.

Word for word: the same text after cleaning. Nearly: the sets of 5-character pieces (shingles) of both texts, in lower case and
with every run of other than letters and digits as one space, have a Jaccard similarity of at least the threshold. MinHash
signatures of 128 places (Broder 1997; the rensa library) in bands (locality-sensitive hashing; Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", ch. 3) find candidates; each is then compared set by set, so that every pair told is one. What
bands miss: a pair at the very threshold is found with probability RECALL or more, pairs above it with more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from app.datasets.splits import SPLITS, LabelledRow, Split

SHINGLE_CHARS = 5
PLACES = 128
RECALL = 0.995
EXAMPLES = 3

_SEED = 1
_BATCH_CHARS = 400_000
_WINDOW = 50  # neighbours within a band's bucket that a text is compared with
_SLACK = 0.12  # below the threshold by estimate: over 3 standard errors at 128 places
_MOST_ESTIMATES = 20_000_000
_MOST_CHARS = 60_000_000  # of texts compared set by set

_OTHER = re.compile(r"[\W_]+")
_BIT: dict[Split, int] = {split: 1 << place for place, split in enumerate(SPLITS)}


@dataclass(frozen=True)
class Example:
    """A pair of rows, by their places among all rows; `similarity` is 1 where they are the same word for word."""

    first: int
    second: int
    similarity: float


@dataclass
class SplitPair:
    """What two splits share. `exact` and `near`: split -> its rows that the other has; a row is in one of them only."""

    first: Split
    second: Split
    exact: dict[Split, int]
    near: dict[Split, int]
    examples: list[Example] = field(default_factory=list)


@dataclass
class Leakage:
    """`exact`, `near`: the places of rows of train and validation that a later split has; `complete` is false where so many
    texts are alike that not all were compared: the counts are then the least that there is."""

    threshold: float
    pairs: list[SplitPair]
    exact: set[int]
    near: set[int]
    complete: bool


def find_leakage(rows: Sequence[LabelledRow], threshold: float) -> Leakage:
    """Of every pair of splits. Takes seconds for 100,000 rows, and 512 bytes a text beside the rows."""
    # 1. Word for word.
    in_splits: dict[str, int] = {}
    for row in rows:
        in_splits[row.text] = in_splits.get(row.text, 0) | _BIT[row.split]

    # 2. Nearly, among texts that differ by more than case, punctuation and space.
    ids: dict[str, int] = {}
    plain_of: list[int] = [ids.setdefault(_plain(row.text), len(ids)) for row in rows]
    masks = np.zeros(len(ids), np.uint8)
    np.bitwise_or.at(masks, plain_of, np.fromiter((_BIT[row.split] for row in rows), np.uint8, len(rows)))
    near = _Near(list(ids), masks, threshold)
    near.search()

    # 3. By pair of splits.
    leakage = Leakage(threshold, [], set(), set(), near.complete)
    for first, second in combinations(SPLITS, 2):
        pair = SplitPair(first, second, {first: 0, second: 0}, {first: 0, second: 0})
        for place, row in enumerate(rows):
            if row.split not in (first, second):
                continue
            other = _BIT[second if row.split == first else first]
            if in_splits[row.text] & other:
                pair.exact[row.split] += 1
                if row.split == first:
                    leakage.exact.add(place)
            elif near.found_in[plain_of[place]] & other:
                pair.near[row.split] += 1
                if row.split == first:
                    leakage.near.add(place)
        leakage.pairs.append(pair)
    _add_examples(leakage, rows, plain_of, near)
    leakage.near -= leakage.exact
    return leakage


def bands_for(threshold: float) -> tuple[int, int]:
    """(bands, places in each): as wide as they can be for a pair at the threshold to share one with probability RECALL."""
    for width in range(16, 1, -1):
        bands = PLACES // width
        if 1 - (1 - threshold**width) ** bands >= RECALL:
            return bands, width
    return PLACES, 1


def similarity(first: str, second: str) -> float:
    """Jaccard similarity of the shingles of two texts."""
    return _jaccard(_plain(first), _plain(second))


class _Near:
    """`found_in`: for each text the splits, as bits, that have it or one nearly like it."""

    def __init__(self, texts: list[str], masks: NDArray[np.uint8], threshold: float) -> None:
        self._texts, self.masks, self._threshold = texts, masks, threshold
        self.found_in = masks.copy()
        self.complete = True
        self.pairs: list[tuple[float, int, int]] = []  # some, for examples
        self._refuted: set[tuple[int, int]] = set()
        self._estimates = self._chars = 0

    def search(self) -> None:
        if len(self._texts) < 2 or len(set(self.masks.tolist())) < 2:
            return
        signatures = _signatures(self._texts)
        rng = np.random.default_rng(_SEED)
        bands, width = bands_for(self._threshold)
        for band in range(bands):
            keys = _keys(signatures[:, band * width : (band + 1) * width])
            # Within a bucket in random order, another in each band: where a bucket is larger than the window, each band
            # compares other neighbours.
            order = np.lexsort((rng.permutation(len(keys)), keys))
            self._compare_neighbours(signatures, keys[order], order)

    def _compare_neighbours(self, signatures: NDArray[np.uint32], keys: NDArray[np.uint64], order: NDArray[np.intp]) -> None:
        for distance in range(1, _WINDOW + 1):
            same = keys[distance:] == keys[:-distance]
            if not same.any():
                return
            first, second = order[:-distance][same], order[distance:][same]
            news = self._is_news(first, second)
            first, second = first[news], second[news]
            if distance == _WINDOW and len(first):
                self.complete = False
            for start in range(0, len(first), 20_000):
                if self._estimates > _MOST_ESTIMATES or self._chars > _MOST_CHARS:
                    self.complete = False
                    return
                some, others = first[start : start + 20_000], second[start : start + 20_000]
                self._estimates += len(some)
                likely = (signatures[some] == signatures[others]).mean(axis=1) >= self._threshold - _SLACK
                for one, other in zip(some[likely].tolist(), others[likely].tolist(), strict=True):
                    self._verify(min(one, other), max(one, other))

    def _is_news(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether a match would tell of a split that has not been found for one of the two."""
        masks, found = self.masks, self.found_in
        news: NDArray[np.bool_] = ((masks[second] & ~found[first]) | (masks[first] & ~found[second])) != 0
        return news

    def _verify(self, one: int, other: int) -> None:
        masks, found = self.masks, self.found_in
        if (one, other) in self._refuted or not (masks[other] & ~found[one] | masks[one] & ~found[other]):
            return
        self._chars += len(self._texts[one]) + len(self._texts[other])
        jaccard = _jaccard(self._texts[one], self._texts[other])
        if jaccard < self._threshold:
            self._refuted.add((one, other))
            return
        found[one] |= masks[other]
        found[other] |= masks[one]
        self.pairs.append((jaccard, one, other))


def _add_examples(leakage: Leakage, rows: Sequence[LabelledRow], plain_of: Sequence[int], near: _Near) -> None:
    """A few pairs of rows for each pair of splits: word for word first, then the likest that are not the same."""
    of_text: dict[tuple[Split, str], int] = {}
    of_plain: dict[tuple[Split, int], int] = {}
    for place, row in enumerate(rows):
        of_text.setdefault((row.split, row.text), place)
        of_plain.setdefault((row.split, plain_of[place]), place)
    both = [(1.0, one, one) for one in range(len(near.found_in)) if near.masks[one] & (near.masks[one] - 1)]
    nearly = sorted(near.pairs, key=lambda pair: -pair[0])
    for pair in leakage.pairs:
        for (split, text), place in of_text.items():
            if len(pair.examples) == EXAMPLES:
                break
            if split == pair.first and (twin := of_text.get((pair.second, text))) is not None:
                pair.examples.append(Example(place, twin, 1.0))
        count = 0
        for jaccard, one, other in [*both, *nearly]:
            for a, b in {(one, other), (other, one)}:
                first, second = of_plain.get((pair.first, a)), of_plain.get((pair.second, b))
                if count < EXAMPLES and first is not None and second is not None and rows[first].text != rows[second].text:
                    pair.examples.append(Example(first, second, jaccard))
                    count += 1


def _plain(text: str) -> str:
    folded = text.casefold()
    return _OTHER.sub(" ", folded).strip() or folded  # signs alone are told apart by themselves


def _shingles(plain: str) -> set[str]:
    return {plain[start : start + SHINGLE_CHARS] for start in range(max(1, len(plain) - SHINGLE_CHARS + 1))}


def _jaccard(first: str, second: str) -> float:
    if first == second:
        return 1.0
    a, b = _shingles(first), _shingles(second)
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def _signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """(texts, PLACES)."""
    signatures = np.empty((len(texts), PLACES), np.uint32)
    start = chars = 0
    for end, text in enumerate(texts, 1):
        chars += len(text)
        if chars >= _BATCH_CHARS or end == len(texts):
            hashes, offsets = _shingle_hashes(texts[start:end])
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PLACES, _SEED)
            signatures[start:end] = matrix.to_rows()
            start, chars = end, 0
    return signatures


def _shingle_hashes(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The hashes of all shingles of all texts, and where those of each text begin (texts + 1 numbers).

    All texts are one array of code points; a hash is made at each place and those that would cross into the next text are left
    out. A text shorter than a shingle is one shingle: itself, padded with zeros."""
    pad = "\0" * (SHINGLE_CHARS - 1)
    codes = np.frombuffer("".join(f"{text}{pad}" for text in texts).encode("utf-32-le"), np.uint32).astype(np.uint64)
    places = len(codes) - SHINGLE_CHARS + 1
    hashes = np.zeros(places, np.uint64)
    for step in range(SHINGLE_CHARS):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + codes[step : step + places]
    hashes ^= hashes >> np.uint64(29)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(32)
    lengths = np.array([len(text) for text in texts])
    counts = np.maximum(lengths - SHINGLE_CHARS + 1, 1)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    starts = np.cumsum(lengths + len(pad)) - lengths - len(pad)
    wanted = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
    return hashes[wanted], offsets.astype(np.uint64)


def _keys(band: NDArray[np.uint32]) -> NDArray[np.uint64]:
    keys = np.zeros(len(band), np.uint64)
    for column in band.T:
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + column.astype(np.uint64)
        keys ^= keys >> np.uint64(31)
    return keys
