"""Gates on runs with known answers: what passes, what regresses, and what the cases do not tell."""

import json
import math
import random
from dataclasses import asdict, replace

import pytest

from app.benchmarks.gate.check import Checked, check
from app.benchmarks.gate.grammar import parse, parse_all
from app.benchmarks.gate.runfile import RunFile
from app.benchmarks.gate.sides import Side, against, side
from app.benchmarks.statistics import mcnemar_midp, paired_proportions, wilson
from app.errors import InvalidRequest, NotFound
from tests.benchmarks.gate.runs import LABELS, answers, golds, make_run


def one(text: str, run: RunFile, baseline: RunFile | None = None) -> Checked:
    this = side(run, None)
    (checked,) = check([parse(text)], this, against(this, baseline, None) if baseline else None).gates
    json.dumps(asdict(checked), allow_nan=False)
    return checked


def desk(n: int, skill: float, seed: int = 0, **more: object) -> RunFile:
    return make_run({"desk@1": answers(n, skill, seed)}, **more)  # type: ignore[arg-type]


def test_a_level_passes_regresses_or_stays_open_by_its_whole_interval() -> None:
    run = desk(300, 0.9)
    right = sum(gold == answer for gold, answer in zip(golds(300), answers(300, 0.9), strict=True))
    expected = wilson(right, 300)
    passed = one("accuracy >= 0.8", run)
    assert (passed.outcome, passed.estimate, passed.low, passed.n) == ("passed", expected.estimate, expected.low, 300)
    assert one("accuracy >= 0.97", run).outcome == "regressed"
    unsure = one(f"accuracy >= {expected.low + 0.01:.3f}", run)
    assert unsure.outcome == "inconclusive"
    assert unsure.cases_needed is not None
    assert unsure.cases_needed > 300


def test_a_difference_is_paired_case_by_case() -> None:
    before, now = answers(300, 0.9), answers(300, 0.9)
    now[:40] = [None if place % 2 else gold for place, gold in enumerate(golds(40))]
    improved = sum(b != g and n == g for b, n, g in zip(before, now, golds(300), strict=True))
    regressed = sum(b == g and n != g for b, n, g in zip(before, now, golds(300), strict=True))
    assert mcnemar_midp(improved, regressed) < 0.05
    checked = one("accuracy >= -0.01 @95%", make_run({"desk@1": now}, id="run_2"), make_run({"desk@1": before}))
    expected = paired_proportions(improved, regressed, 300)
    assert (checked.low, checked.high, checked.outcome) == (expected.low, expected.high, "regressed")


def test_the_same_answers_are_no_proof_when_they_are_few() -> None:
    for n, outcome in ((30, "inconclusive"), (600, "passed")):
        run, same = desk(n, 0.9), desk(n, 0.9, id="run_2")
        for metric in ("accuracy", "macro_f1", "recall[fraud]", "precision[fraud]", "f1[fraud]"):
            checked = one(f"{metric} >= -0.08", same, run)
            assert (checked.outcome, checked.estimate) == (outcome, 0), (metric, n)


def test_a_perfect_label_with_three_cases_does_not_pass() -> None:
    run = desk(9, 1.0)
    for metric in ("recall[fraud]", "precision[fraud]", "f1[fraud]", "macro_f1", "accuracy"):
        checked = one(f"{metric} >= 0.95", run)
        assert (checked.outcome, checked.estimate) == ("inconclusive", 1), metric
        assert checked.low is not None
        assert checked.low < 0.8
        assert one(f"{metric} >= 0.95", desk(600, 1.0)).outcome == "passed", metric


def test_a_metric_without_a_value_is_open_and_says_why() -> None:
    run = make_run({"desk@1": ["fire" for _ in range(30)]})
    for gate, told in (
        ("recall[flood] >= 0.5", "No test case has the label flood"),
        ("precision[fraud] >= 0.5", "No case was answered with fraud"),
        ("f1[flood] >= 0.5", "No test case has the label flood"),
        ("accuracy[flood] >= 0.5", "No test case has the label flood"),
    ):
        checked = one(gate, run)
        assert (checked.outcome, checked.estimate, checked.n) == ("inconclusive", None, 0)
        assert told in checked.sentence


def test_invalid_answers_stay_in_the_denominator() -> None:
    run = make_run({"desk@1": [None] * 10 + golds(100)[10:]})
    checked = one("invalid <= 0.5", run)
    assert (checked.estimate, checked.n, checked.outcome) == (0.1, 100, "passed")
    assert one("accuracy >= 0.95", run).estimate == 0.9


def test_slices_and_labels_choose_cases() -> None:
    wrong_abroad = [gold if place % 2 else None for place, gold in enumerate(golds(120))]
    run = make_run({"desk@1": wrong_abroad})
    assert (one("accuracy[country=US] >= 0.9", run).outcome, one("accuracy[country=US] >= 0.9", run).n) == ("passed", 60)
    assert one("accuracy[country=CA] >= 0.9", run).outcome == "regressed"
    assert one("accuracy[fire] >= 0.9", run).n == 40


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ("recall[frod] >= 0.9", "labels: fire, theft, fraud, flood"),
        ("accuracy[country=MX] >= 0.9", "country: CA, US"),
        ("macro_f1[fraud] >= 0.9", "country: CA, US"),
        ("accuracy[region=US] >= 0.9", "region=US"),
        ("accuracy >= -0.01", "--baseline"),
        ("regressed <= 0", "--baseline"),
        ("always_wrong <= 0", "--repeats"),
        ("latency_p95 <= 200", "--concurrency 1"),
    ],
)
def test_a_gate_that_names_what_the_run_does_not_have_is_refused(gate: str, told: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        one(gate, desk(30, 0.9))
    assert told in refused.value.message


def test_an_average_cannot_hide_a_case_that_always_fails() -> None:
    labels = golds(300)
    reruns = {place: [labels[place]] * 5 for place in range(1, 50)} | {0: ["theft"] * 5}
    run = make_run({"desk@1": ["theft", *labels[1:]]}, reruns={"desk@1": reruns})
    report = check(parse_all(["accuracy >= 0.95", "always_wrong <= 0"]), side(run, None))
    assert [gate.outcome for gate in report.gates] == ["passed", "regressed"]
    assert (report.outcome, report.exit_code) == ("regressed", 1)
    assert (report.gates[1].estimate, report.gates[1].n) == (1, 50)


def test_a_better_average_cannot_hide_cases_that_were_lost() -> None:
    before, now = [None] * 50 + golds(300)[50:], [*golds(300)[:-3], None, None, None]
    run, baseline = make_run({"desk@2": now}, id="run_2"), make_run({"desk@1": before})
    assert one("accuracy >= +0.05", run, baseline).outcome == "passed"
    lost = one("regressed <= 2", run, baseline)
    assert (lost.outcome, lost.estimate) == ("regressed", 3)
    assert lost.sentence == "3 of 300 cases: 397, 398, 399."
    assert one("regressed[fire] <= 1", run, baseline).outcome == "passed"


def test_a_tail_latency_needs_enough_cases_that_were_asked_alone() -> None:
    few = one("latency_p95 <= 100", desk(300, 0.9, timed=50))
    assert (few.outcome, few.high, few.n, few.cases_needed) == ("inconclusive", None, 50, 72)
    assert "72" in few.sentence
    assert one("latency_p95 <= 100", desk(300, 0.9, timed=72)).outcome == "passed"
    assert one("latency_p50 <= 100", desk(300, 0.9, timed=50)).outcome == "passed"
    assert one("latency_p95 <= 22", desk(300, 0.9, timed=300)).outcome == "regressed"
    slower, faster = desk(300, 0.9, timed=300, ms=30.0, id="run_2"), desk(300, 0.9, timed=300)
    assert one("latency_p95 <= +5", slower, faster).outcome == "regressed"
    assert one("latency_p95 <= +15", slower, faster).outcome == "passed"


def test_tokens_are_means_per_answer() -> None:
    run = desk(60, 0.9)
    assert (one("tokens <= 40", run).estimate, one("answer_tokens <= 2", run).outcome) == (32, "passed")
    assert one("answer_tokens <= 1", run).outcome == "regressed"


def test_more_gates_need_more_before_one_is_called_regressed() -> None:
    """A pass needs all of them anyway; a false alarm of any is what grows with their number."""
    run = desk(300, 0.9)
    high = one("accuracy >= 0.99", run).high
    assert high is not None
    tight = f"accuracy >= {high + 0.002:.4f}"
    assert one(tight, run).outcome == "regressed"
    report = check(parse_all([tight, *(f"recall[{label}] >= 0.3" for label in LABELS[:3]), "macro_f1 >= 0.3"]), side(run, None))
    assert report.gates[0].outcome == "inconclusive"
    assert "not for 5 at once" in report.gates[0].sentence
    assert (report.gates[0].cases_needed or 0) > 500


def test_an_arm_of_the_same_run_may_be_the_baseline() -> None:
    run = make_run({"general": answers(300, 0.5), "desk@1": answers(300, 0.9, 1)})
    this = side(run, None)
    assert this.result.arm == "desk@1"
    report = check([parse("accuracy >= +0.2")], this, against(this, run, "general"))
    assert (report.outcome, report.baseline_arm, report.baseline_run) == ("passed", "general", "run_1")
    with pytest.raises(InvalidRequest, match="itself"):
        against(this, run, None)


def test_an_arm_is_named_where_there_are_several() -> None:
    run = make_run({"desk@1": answers(30, 0.9), "desk@2": answers(30, 0.9)})
    with pytest.raises(InvalidRequest, match="--arm: desk@1, desk@2"):
        side(run, None)
    with pytest.raises(NotFound, match="its arms are desk@1, desk@2"):
        side(run, "desk")
    with pytest.raises(InvalidRequest, match="--baseline-arm"):
        against(side(desk(30, 0.9), None), make_run({"other@1": answers(30, 0.9), "third": answers(30, 0.9)}, id="run_2"), None)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (desk(30, 0.9, sha256="1" * 64), "other rows"),
        (desk(20, 0.9, limit=20), "10 only the first, 0 only the second (all, seed 0 against limit 20, seed 0)"),
        (desk(30, 0.9, labels=["fire", "theft", "fraud"]), "only one has flood"),
    ],
)
def test_runs_over_different_cases_are_not_compared(other: RunFile, told: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        against(side(desk(30, 0.9), None), other, None)
    assert told in refused.value.message


def test_the_cases_needed_are_near_connors_number() -> None:
    """3 points at 12 % discordance: 1,044 pairs (Connor 1987). 90 against 54 in 1,200 is that, with an open gate at a third."""
    n = 400
    before, now = golds(n), golds(n)
    for place in range(18):
        now[place] = "flood"
    for place in range(18, 48):
        before[place] = "flood"
    checked = one("accuracy >= +0", make_run({"desk@1": now}, id="run_2"), make_run({"desk@1": before}))
    assert checked.outcome == "inconclusive"
    assert checked.cases_needed == pytest.approx(1044, rel=0.1)


def test_an_order_statistic_bounds_a_quantile_as_often_as_promised() -> None:
    import numpy as np

    from app.benchmarks.gate.intervals import quantile_of

    draws, truth = np.random.default_rng(0), -math.log(0.05)  # the 95th percentile of an exponential
    held = [quantile_of(draws.exponential(size=150), 0.95)(0.95) for _ in range(2000)]
    share = sum(one.low <= truth <= one.high for one in held) / len(held)
    assert 0.94 <= share <= 0.99


def test_the_share_of_hits_bounds_f1_as_often_as_promised() -> None:
    """Also where all are right, where a bootstrap has no width."""
    import numpy as np

    from app.benchmarks.gate.intervals import f1

    draws = np.random.default_rng(0)
    for n, share in ((20, 0.95), (60, 0.7), (400, 0.9)):
        truth = 2 * share / (1 + share)
        held = [f1(int(hits), n)(0.95) for hits in draws.binomial(n, share, size=1000)]
        assert 0.92 <= sum(one.low <= truth <= one.high for one in held) / len(held) <= 0.99, n


def test_cases_of_one_cluster_count_as_one() -> None:
    run = desk(300, 1.0)
    alone = one("accuracy >= 0.97", run)
    for place, case in enumerate(run.cases):
        case.cluster = f"contract {place // 30}"
    together = one("accuracy >= 0.97", run)
    assert (alone.outcome, together.outcome) == ("passed", "inconclusive")
    assert together.low is not None
    assert together.low < 0.75
    mixed = desk(300, 0.8)
    for place, case in enumerate(mixed.cases):
        case.cluster = f"contract {place // 60}"
    for metric in ("accuracy", "recall[fraud]", "precision[fraud]", "f1[fraud]", "macro_f1"):
        assert one(f"{metric} >= 0.5", mixed).n > 0, metric


def test_an_arm_that_never_answered_is_no_arm_to_judge() -> None:
    run = desk(30, 0.0)
    for answer in run.answers:
        answer.error = "the server is gone."
    with pytest.raises(InvalidRequest, match="answered no case of run run_1: the server is gone"):
        one("accuracy >= 0.5", run)


def test_an_arm_with_answers_missing_is_refused() -> None:
    run = desk(30, 0.9)
    del run.answers[3:5]
    with pytest.raises(InvalidRequest, match="no answer to 2 cases of run run_1"):
        one("accuracy >= 0.5", run)


def test_answers_that_are_no_labels_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="for classification"):
        one("accuracy >= 0.5", desk(30, 0.9, labels=["fire", "theft"]))


@pytest.mark.parametrize("runs", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_equal_models_are_called_regressed_no_more_often_than_promised(runs: int) -> None:
    """Gates that hold with equality: of each at most 2.5 % may be called wrong; so of both together, and never more pass."""
    draws, outcomes, n = random.Random(0), [], 200
    file = desk(n, 1.0)
    perfect = side(file, None)
    gates = parse_all(["accuracy >= +0", "recall[fraud] >= +0"])
    for _ in range(runs):
        first, second = (
            Side(file, replace(perfect.result, predicted=[gold if draws.random() < 0.8 else None for gold in golds(n)]))
            for _ in range(2)
        )
        outcomes.append(check(gates, first, second).outcome)
    most = 0.025 * runs + 3 * math.sqrt(0.025 * 0.975 * runs)
    assert 0 < outcomes.count("regressed") <= most
    assert outcomes.count("passed") <= most
