"""A row of the summary: whatever is undefined is null and says why, and clusters widen every interval."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from app.benchmarks.arms import ArmResult
from app.benchmarks.report.facts import Facts
from app.benchmarks.report.grids import grids
from app.benchmarks.summary import build_summary
from app.errors import InvalidRequest

LABELS = ("auto", "fire", "theft")
N = 330


def _arm(arm: str = "claims", kind: Any = "custom", skill: float = 0.8, seed: int = 0, n: int = N, **more: Any) -> ArmResult:
    draws = random.Random(seed)
    gold = [LABELS[i % 3] for i in range(n)]
    sure = [0.4 + 0.6 * draws.random() for _ in range(n)]
    predicted = [label if draws.random() < skill else draws.choice(LABELS) for label in gold]
    shares = [{label: p if label == said else (1 - p) / 2 for label in LABELS} for said, p in zip(predicted, sure, strict=True)]
    columns: dict[str, Any] = {
        "probabilities": shares,
        "latencies_ms": [10.0 + i % 9 for i in range(n)],
        "answer_tokens": [2] * n,
        "predicted": predicted,
    }
    return ArmResult(arm, kind, cases=range(n), gold=gold, **columns | more)


def _row(*arms: ArmResult) -> dict[str, Any]:
    return _summary(*arms)["rows"][0]


def _summary(*arms: ArmResult) -> dict[str, Any]:
    summary = build_summary("claims", LABELS, arms, latency_note="one at a time", resamples=200)
    return json.loads(json.dumps(summary, allow_nan=False))


def test_every_measure_of_an_arm_is_there_with_its_interval() -> None:
    row = _row(_arm())
    for name in ("accuracy", "macro_f1", "weighted_f1", "mcc", "ece", "brier", "aurc", "latency_p50_ms", "answer_tokens"):
        assert row[name]["low"] <= row[name]["estimate"] <= row[name]["high"]
        assert row[name]["n"] == N
    assert len(row["reliability"]) == 10
    assert row["risk_coverage"][-1]["risk"]["estimate"] == pytest.approx(1 - row["accuracy"]["estimate"])
    assert sum(map(sum, row["confusion"])) == N
    assert row["per_class"][0]["recall_interval"]["n"] == N // 3


def test_footnotes_are_on_columns_that_the_table_has() -> None:
    summary = _summary(_arm())
    assert summary["rows"][0]["ece"] is not None
    assert not [note for note in summary["footnotes"] if "ECE" in note]
    (detail,) = (grid for grid in grids(summary, Facts()) if "ECE" in grid.head)
    assert "ECE: how far stated probabilities are" in detail.about


def test_an_invalid_answer_has_a_column_of_its_own() -> None:
    arm = _arm()
    row = _row(replace(arm, predicted=[None] * 30 + list(arm.predicted[30:])))
    assert [line[-1] for line in row["confusion"]] == [10, 10, 10]
    assert row["ece"]["n"] == N - 30


def test_too_few_cases_for_a_calibration_error_say_so() -> None:
    row = _row(_arm(n=90))
    assert (row["ece"], row["reliability"]) == (None, [])
    assert row["reasons"]["ece"] == "A calibration error needs at least 300 cases with probabilities; there are 90."
    assert row["brier"]["n"] == 90


def test_a_tail_that_few_cases_cannot_show_is_null_or_told_from_the_slowest() -> None:
    row = _row(_arm(latencies_ms=[5.0] * 40 + [None] * (N - 40)))
    assert row["latency_p99_ms"] is None
    assert "40 cases were timed; 100 are needed" in row["reasons"]["latency_p99_ms"]
    assert "needs 72 cases" in row["reasons"]["latency_p95_ms"]
    assert "latency_p50_ms" not in row["reasons"]


def test_an_arm_that_fails_on_every_case_has_a_row_without_a_nan() -> None:
    row = _row(_arm(predicted=[None] * N, probabilities=[None] * N, latencies_ms=[None] * N, answer_tokens=()))
    assert (row["accuracy"]["estimate"], row["macro_f1"]["estimate"], row["unparsed"]) == (0.0, 0.0, N)
    assert (row["mcc"], row["ece"], row["brier"], row["aurc"], row["latency_p50_ms"], row["answer_tokens"]) == (None,) * 6
    assert {"mcc", "ece", "brier", "aurc", "latency_p50_ms"} <= set(row["reasons"])


def test_a_brier_score_is_not_taken_of_whole_likelihoods_of_labels_of_different_length() -> None:
    row = _row(_arm(scoring="sum"))
    assert row["brier"] is None
    assert "does not tell the tokens" in row["reasons"]["brier"]
    tokens = {"auto": 2, "fire": 2, "theft": 4}
    known = _row(_arm(scoring="sum", label_tokens=tokens, label_mass=[0.5] * N))
    assert known["brier"]["estimate"] != _row(_arm(scoring="mean"))["brier"]["estimate"]
    assert "probabilities per token" in known["reasons"]["brier"]
    same = _row(_arm(scoring="sum", label_tokens=dict.fromkeys(LABELS, 3)))
    assert same["brier"] == _row(_arm(scoring="mean"))["brier"]


@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_a_model_with_a_fitted_temperature_is_judged_by_the_probabilities_that_it_serves(temperature: float) -> None:
    """Dividing those by tokens would judge it for what it never says, and take out the temperature with another base."""
    tokens = {"auto": 2, "fire": 2, "theft": 4}
    arm = _arm(scoring="sum", label_tokens=tokens, label_mass=[0.5] * N, calibration_temperature=temperature)
    row = _row(arm)
    hand = [
        sum((share - (label == gold)) ** 2 for label, share in (shares or {}).items())
        for shares, gold in zip(arm.probabilities, arm.gold, strict=True)
    ]
    assert row["brier"]["estimate"] == pytest.approx(sum(hand) / N)
    assert "brier" not in row["reasons"]


def test_cases_of_one_contract_are_no_independent_cases() -> None:
    """Each case ten times over is as good as each once: no interval may shrink."""
    one = _arm(n=33)
    copied: dict[str, Any] = {
        name: [entry for entry in getattr(one, name) for _ in range(10)]
        for name in ("gold", "predicted", "probabilities", "latencies_ms", "answer_tokens")
    }
    whole = replace(one, cases=range(330), **copied)
    together, alone, fooled = _row(replace(whole, clusters=[str(i // 10) for i in range(330)])), _row(one), _row(whole)
    for name in ("accuracy", "macro_f1", "mcc", "brier", "aurc", "latency_p50_ms"):
        width = {key: row[name]["high"] - row[name]["low"] for key, row in (("t", together), ("a", alone), ("f", fooled))}
        assert width["t"] > 0.8 * width["a"] > width["f"], name


def test_slices_are_compared_between_the_arms_of_the_verdict() -> None:
    slices = {"region": ["north" if i % 2 else "south" for i in range(N)]}
    arms = [_arm("general", "general", 0.5, 1, slices=slices), _arm("claims", "custom", 0.9, 2, slices=slices)]
    summary = _summary(*arms)
    assert {(one["column"], one["value"]) for one in summary["slices"]} == {("region", "north"), ("region", "south")}
    assert summary["slices"][0]["pair"]["first"] == "claims"
    assert summary["slices"][0]["accuracy"]["general"]["n"] == N // 2


def test_arms_that_tell_different_clusters_are_refused() -> None:
    arms = [_arm("a", clusters=["x"] * N), _arm("b", clusters=["y"] * N)]
    with pytest.raises(InvalidRequest, match="different clusters"):
        _summary(*arms)
