"""Refusing everything and refusing nothing are both seen for what they are, and two arms are compared request by request."""

from app.benchmarks.measures.refusals import refusal_differences, refusals

SHOULD = [True] * 20 + [False] * 40


def test_refusing_everything_is_all_over_and_no_under_refusal() -> None:
    everything = refusals(SHOULD, [True] * 60)
    assert everything.over is not None
    assert everything.under is not None
    assert (everything.over.estimate, everything.over.n) == (1.0, 40)
    assert (everything.under.estimate, everything.under.n) == (0.0, 20)


def test_a_rate_without_requests_is_undefined() -> None:
    assert refusals([True, True], [True, False]).over is None
    assert [one.rate for one in refusal_differences([True, True], [True, True], [False, True])] == ["under"]


def test_two_arms_differ_where_one_refuses_too_much() -> None:
    careful = [True] * 20 + [True] * 15 + [False] * 25
    balanced = [True] * 20 + [False] * 40
    over, under = refusal_differences(SHOULD, careful, balanced)
    assert over.difference.estimate == 15 / 40
    assert over.p_value < 0.001
    assert (under.difference.estimate, under.p_value) == (0.0, 1.0)
