"""Bits per byte do not depend on how a text is cut into tokens, and two models are compared on the same texts."""

import math

import numpy as np
import pytest

from app.benchmarks.measures.bits import bits_per_byte, bits_per_byte_difference, corpus_bits_per_byte


def test_a_uniform_model_of_bytes_has_eight_bits_per_byte() -> None:
    assert bits_per_byte([math.log(1 / 256)] * 4, "abcd") == pytest.approx(8)


def test_two_tokenizers_with_the_same_probability_of_the_text_have_the_same_bits() -> None:
    assert bits_per_byte([-1.5, -0.5], "häuser") == pytest.approx(bits_per_byte([-0.5] * 4, "häuser"))
    assert bits_per_byte([-2.0], "ä") == pytest.approx(bits_per_byte([-2.0], "ab"))  # bytes, not letters


def test_a_long_text_counts_for_its_length() -> None:
    whole = corpus_bits_per_byte([[-8 * math.log(2)], [-92 * math.log(2)]], ["a" * 1, "b" * 99], resamples=50)
    assert whole.estimate == pytest.approx(1.0)


def test_a_difference_is_paired_by_text() -> None:
    generator = np.random.default_rng(0)
    hard = [[-float(x)] for x in generator.uniform(1, 100, size=80)]
    easier = [[one[0] * 0.98] for one in hard]
    texts = ["x" * 40] * 80
    paired = bits_per_byte_difference(easier, hard, texts, resamples=400)
    assert paired.high < 0
    alone = corpus_bits_per_byte(hard, texts, resamples=400)
    assert paired.high - paired.low < 0.1 * (alone.high - alone.low)


@pytest.mark.parametrize("broken", [[float("nan")], [-math.inf], [0.5]])
def test_what_is_no_log_probability_is_refused(broken: list[float]) -> None:
    with pytest.raises(ValueError, match="finite and at most 0"):
        bits_per_byte(broken, "abc")


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(ValueError, match="empty text"):
        bits_per_byte([], "")
