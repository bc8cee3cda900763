"""What a gate may say, and how a gate that cannot be meant is refused."""

import pytest

from app.benchmarks.gate.grammar import METRICS, parse, parse_all
from app.errors import InvalidRequest


def test_a_sign_makes_a_number_a_difference_to_the_baseline() -> None:
    level, difference, zero = parse("accuracy >= 0.9"), parse("accuracy>=-0.01@90%"), parse("macro_f1 >= +0")
    assert (level.relative, level.threshold, level.confidence) == (False, 0.9, 0.95)
    assert (difference.relative, difference.threshold, difference.confidence) == (True, -0.01, 0.9)
    assert (zero.relative, zero.threshold) == (True, 0.0)


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("recall[fraud] >= 0.9", "fraud"),
        ("recall[BACK (MUSCLES/SPINE), [sic]] >= 0.9 @99%", "BACK (MUSCLES/SPINE), [sic]"),
        ("accuracy[country=US] >= .8", "country=US"),
        ("recall[a >= b] >= 0.9", "a >= b"),
        ("latency_p95 <= 200", None),
    ],
)
def test_brackets_hold_a_label_or_a_slice_as_it_is_written(text: str, of: str | None) -> None:
    assert parse(text).of == of


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("accuracy", "is no gate"),
        ("accuracy >= high", "is no gate"),
        ("accuracy == 0.9", "is no gate"),
        ("accuracy >= 0.9 @95", "is no gate"),
        ("acuracy >= 0.9", "Did you mean accuracy?"),
        ("bleu >= 0.9", "Metrics: accuracy, macro_f1"),
        ("recall >= 0.9", "recall[fraud]"),
        ("accuracy >= 90", "write 0.9 for 90 %"),
        ("accuracy >= 0", 'Write "+0"'),
        ("regressed <= +3", "without a sign"),
        ("accuracy >= 0.9 @100%", "below 100 %"),
        ("accuracy >= 0.9 @5%", "at least 50 %"),
    ],
)
def test_a_gate_that_cannot_be_meant_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(text)
    assert told in refused.value.message


def test_at_least_one_gate_and_none_twice() -> None:
    with pytest.raises(InvalidRequest, match="at least one"):
        parse_all([])
    with pytest.raises(InvalidRequest, match="twice"):
        parse_all(["accuracy >= 0.9", "accuracy  >=  0.9"])


@pytest.mark.parametrize(
    ("text", "right", "wrong"), [(">= 0.5", 0.5, 0.4), ("> 0.5", 0.6, 0.5), ("<= 0.5", 0.5, 0.6), ("< 0.5", 0.4, 0.5)]
)
def test_each_comparison_knows_its_side(text: str, right: float, wrong: float) -> None:
    gate = parse(f"accuracy {text}")
    assert gate.holds(right)
    assert not gate.holds(wrong)


def test_every_metric_says_what_it_means() -> None:
    assert all(metric.meaning and metric.name == name for name, metric in METRICS.items())
