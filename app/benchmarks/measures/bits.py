"""Bits per byte of text: what a model's surprise costs, in a unit that does not depend on its tokenizer."""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from app.benchmarks.resampling import Floats, Interval, bootstrap
from app.benchmarks.statistics import paired_bootstrap_difference


def bits_per_byte(logprobs: Sequence[float], text: str) -> float:
    """-sum(log p) / ln 2 / bytes of UTF-8 of one text, from natural log-probabilities of its tokens (Gao et al., "The Pile",
    arXiv 2101.00027, section 3.1). They must cover the whole text: with a BOS token in front the first token too.

    Raises ValueError for an empty text and for log-probabilities that are not finite or above 0.
    """
    return bits(logprobs) / _size(text)


def bits(logprobs: Sequence[float]) -> float:
    if not all(math.isfinite(one) and one <= 1e-6 for one in logprobs):
        raise ValueError("log-probabilities are finite and at most 0")
    return -math.fsum(logprobs) / math.log(2)


def corpus_bits_per_byte(
    logprobs: Sequence[Sequence[float]],
    texts: Sequence[str],
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """All bits over all bytes, so that long texts count for their length; BCa over texts drawn again."""
    spent, sizes = _columns(logprobs, texts)
    return bootstrap(_ratio, spent, sizes, clusters=clusters, resamples=resamples, seed=seed, method="bca")


def bits_per_byte_difference(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    texts: Sequence[str],
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """first - second on the same texts; below 0 the first model is the less surprised one."""
    a, sizes = _columns(first, texts)
    b, _ = _columns(second, texts)
    return paired_bootstrap_difference(
        lambda size, spent, weights: _ratio(spent, size, weights), sizes, a, b, clusters, resamples, seed
    )


def _ratio(spent: Floats, sizes: Floats, weights: Floats) -> Floats:
    return np.asarray((weights @ spent) / (weights @ sizes))


def _columns(logprobs: Sequence[Sequence[float]], texts: Sequence[str]) -> tuple[Floats, Floats]:
    pairs = list(zip(logprobs, texts, strict=True))
    return np.array([bits(one) for one, _ in pairs]), np.array([float(_size(text)) for _, text in pairs])


def _size(text: str) -> int:
    if not text:
        raise ValueError("an empty text has no bits per byte")
    return len(text.encode())
