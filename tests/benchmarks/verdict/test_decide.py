"""The verdict follows its rule, says how many cases are missing, and finds no difference where there is none."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from app.benchmarks.summary import build_summary
from app.benchmarks.verdict import Question, Verdict, chosen, compare, decide
from app.benchmarks.verdict.costs import Costs
from app.errors import InvalidRequest
from tests.benchmarks.verdict.made import LABELS, arm, latency


def _pair(both: int, custom_only: int, general_only: int, neither: int = 0, **cost: Any) -> Verdict:
    custom = [1] * both + [1] * custom_only + [0] * general_only + [0] * neither
    general = [1] * both + [0] * custom_only + [1] * general_only + [0] * neither
    more = {"custom": {}, "general": {}, **cost}
    return decide(
        [arm("claims", "custom", custom, **more["custom"]), arm("general", "general", general, **more["general"])], LABELS
    )


# ---- The rule


def test_custom_wins_when_right_more_often_beyond_chance() -> None:
    verdict = _pair(both=250, custom_only=100, general_only=50)
    assert verdict.decision == "custom"
    assert (verdict.pair.first_only, verdict.pair.second_only, verdict.pair.n) == (100, 50, 400)
    assert verdict.difference.estimate == 0.125
    assert verdict.difference.low > 0
    assert verdict.p_value < 0.001
    assert verdict.cases_needed is verdict.cases_still_needed is None
    assert "was right in 87.5 % and the general model (general) in 75.0 %, a difference of +12.5 points" in verdict.sentence


def test_general_wins_by_the_same_rule() -> None:
    verdict = _pair(both=250, custom_only=50, general_only=100)
    assert verdict.decision == "general"
    assert "Use the general model" in verdict.sentence


def test_equal_quality_goes_to_the_cheaper_one() -> None:
    n = 4000
    for cheap, dear in (("custom", "general"), ("general", "custom")):
        verdict = _pair(3900, 50, 50, **{cheap: latency(n, 20), dear: latency(n, 40)})
        assert verdict.decision == verdict.cheaper == cheap
        assert verdict.reason == "not worse by more than 1 point, and cheaper"
        assert "20 ms" in verdict.cost
        assert "40 ms" in verdict.cost


def test_equal_quality_at_equal_cost_is_no_reason_to_choose_and_more_cases_would_not_help() -> None:
    verdict = _pair(3900, 50, 50, custom=latency(4000, 20), general=latency(4000, 20.5))
    assert (verdict.decision, verdict.cheaper, verdict.cases_needed) == ("not enough evidence", None, None)
    assert "within 1 point of each other" in verdict.sentence


def test_bytes_decide_only_where_latency_was_not_measured_for_both() -> None:
    small, large = {"bytes": 10_000_000}, {"bytes": 20_000_000}
    assert _pair(3900, 50, 50, custom=small, general=large).decision == "custom"
    assert _pair(3900, 50, 50, custom=small | latency(4000, 20), general=large | latency(4000, 20)).cheaper is None


def test_cheaper_is_not_enough_when_it_may_be_worse_by_more_than_the_margin() -> None:
    verdict = _pair(150, 30, 30, custom=latency(210, 20), general=latency(210, 40))
    assert verdict.decision == "not enough evidence"


def test_cost_is_compared_on_the_cases_that_both_arms_were_timed_on() -> None:
    custom = {"latencies_ms": [None if i % 2 else 20.0 for i in range(4000)]}
    general = {"latencies_ms": [None if i % 3 else 40.0 for i in range(4000)]}
    assert "(custom against general, n = 667)" in _pair(3900, 50, 50, custom=custom, general=general).cost


def test_a_faster_median_by_chance_is_not_cheaper() -> None:
    noisy = [5.0 if i % 2 else 95.0 for i in range(4001)]  # 95 once more often: the median falls on either side by luck
    steady = [80.0] * 4001
    assert _pair(3901, 50, 50, custom={"latencies_ms": steady}, general={"latencies_ms": noisy}).cheaper is None


def test_a_handful_of_agreeing_cases_is_no_proof_of_equality() -> None:
    """Both right on all 20 cases and custom cheaper: a standard error of 0 would have called that non-inferior."""
    verdict = _pair(20, 0, 0, custom=latency(20, 20), general=latency(20, 40))
    assert verdict.decision == "not enough evidence"
    assert verdict.cases_still_needed == verdict.cases_needed - 20 > 300


def test_the_margin_is_in_the_users_points() -> None:
    arms = [arm("claims", "custom", [1] * 970 + [0] * 20 + [1] * 10, **latency(1000, 20))]
    arms.append(arm("general", "general", [1] * 970 + [1] * 15 + [0] * 15, **latency(1000, 40)))
    assert decide(arms, LABELS, Question(margin_points=1)).decision == "not enough evidence"
    assert decide(arms, LABELS, Question(margin_points=3)).decision == "custom"
    assert "3 points" in decide(arms, LABELS, Question(margin_points=3)).rule


def test_too_few_cases_are_answered_with_how_many_are_missing() -> None:
    verdict = _pair(both=85, custom_only=9, general_only=5, neither=1)
    assert verdict.decision == "not enough evidence"
    # Connor at 14 % discordance and the 4 points seen.
    assert verdict.cases_needed == 684
    assert verdict.cases_still_needed == 584
    assert "About 584 more cases would settle it." in verdict.sentence


# ---- Fair choice, fair pairing


def test_the_best_of_many_is_chosen_on_validation_and_reported_on_test() -> None:
    few_shot = arm("few-shot", "general", [1] * 90 + [0] * 10, validation_accuracy=0.6)
    zero_shot = arm("zero-shot", "general", [1] * 70 + [0] * 30, validation_accuracy=0.7)  # worse on test: still the one
    verdict = decide([few_shot, zero_shot, arm("claims", "custom", [1] * 80 + [0] * 20)], LABELS)
    assert (verdict.general, verdict.decision) == ("zero-shot", "custom")


def test_no_choice_is_made_among_models_of_which_one_has_learned_the_rows_to_choose_on() -> None:
    general, plain = arm("general", "general", [1, 0] * 30), arm("claims", "custom", [1, 1] * 30, validation_accuracy=0.9)
    arms = [general, plain, arm("refitted", "custom", [1, 1] * 30, refitted=True)]
    with pytest.raises(InvalidRequest, match=r"refitted has learned the validation rows .*: name the one") as refused:
        decide(arms, LABELS)
    assert refused.value.param == "custom"
    assert decide(arms, LABELS, Question(custom="refitted")).custom == "refitted"
    assert decide([general, arms[2]], LABELS).custom == "refitted"  # alone there is nothing to choose
    summary = build_summary("claims", LABELS, arms, latency_note="None.")  # a run does not fail by it
    assert summary["verdict"] is None
    assert any("No verdict. There are several custom arms" in note for note in summary["footnotes"])


def test_a_choice_without_validation_accuracy_is_refused() -> None:
    arms = [arm("zero-shot", "general", [1, 0]), arm("few-shot", "general", [1, 1], validation_accuracy=0.5)]
    with pytest.raises(InvalidRequest, match="zero-shot has no validation accuracy"):
        chosen(arms, "general")


def test_runs_with_different_case_sets_are_not_compared() -> None:
    custom, general = arm("claims", "custom", [1] * 10), arm("general", "general", [1] * 9)
    with pytest.raises(InvalidRequest, match=r"answered different cases \(1 only one of them has\)"):
        decide([custom, general], LABELS)


def test_cases_are_paired_by_id_not_by_row_number() -> None:
    generator = np.random.default_rng(0)
    custom, general = (arm(name, name, generator.random(60) < 0.7, **latency(60, 20)) for name in ("custom", "general"))
    order = generator.permutation(60).tolist()
    shuffled = replace(
        general, cases=order, gold=[general.gold[i] for i in order], predicted=[general.predicted[i] for i in order]
    )
    assert compare(custom, shuffled, LABELS) == compare(custom, general, LABELS)


def test_different_gold_for_the_same_case_is_refused() -> None:
    custom, general = arm("claims", "custom", [1] * 8), arm("general", "general", [1] * 8)
    with pytest.raises(InvalidRequest, match="different gold labels"):
        compare(custom, replace(general, gold=["fire", *general.gold[1:]]), LABELS)


def test_an_arm_that_repeats_a_case_or_lacks_an_answer_is_refused() -> None:
    one = arm("claims", "custom", [1] * 4)
    with pytest.raises(InvalidRequest, match="a case twice"):
        replace(one, cases=[0, 1, 2, 2])
    with pytest.raises(InvalidRequest, match="4 cases but 3 predicted"):
        replace(one, predicted=one.predicted[:3])
    with pytest.raises(InvalidRequest, match="cases it never answered: \\[9\\]"):
        replace(one, reruns={9: ["fire", "fire"]})


def test_a_verdict_needs_both_kinds() -> None:
    with pytest.raises(InvalidRequest, match="at least one general and one custom arm"):
        decide([arm("claims", "custom", [1, 0])], LABELS)


def test_an_arm_is_not_compared_with_itself() -> None:
    arms = [arm("claims", "custom", [1, 0]), arm("general", "general", [0, 1])]
    with pytest.raises(InvalidRequest, match="claims would be compared with itself"):
        decide(arms, LABELS, Question(general="claims"))


def test_unparsed_answers_lose_the_pair() -> None:
    custom = arm("claims", "custom", [1] * 40)
    general = replace(arm("general", "general", [1] * 40), predicted=[None] * 20 + [LABELS[i % 4] for i in range(20, 40)])
    assert compare(custom, general, LABELS).first_only == 20


# ---- What the sentence admits


def test_the_sentence_says_where_general_wins() -> None:
    n = 400
    custom = np.ones(n, dtype=bool)
    general = np.arange(n) % 3 > 0
    custom[3::4], general[3::4] = np.arange(100) < 40, True  # water: custom gets 40 of 100, general all
    verdict = decide([arm("claims", "custom", custom), arm("general", "general", general)], LABELS)
    (water,) = verdict.wins_general
    assert (water.label, water.n, water.general_correct, water.custom_correct) == ("water", 100, 100, 40)
    assert water.p_value < 1e-6
    assert "The general model did better on water (100 against 40 of 100); beyond chance for water." in verdict.sentence


def test_the_sentence_says_when_general_wins_nowhere() -> None:
    assert "For no label did the general model do better in this test." in _pair(200, 100, 0, 100).sentence


def test_a_lucky_label_among_many_is_not_called_a_win() -> None:
    """Per-label tests are adjusted (Holm): one label at p = .03 among four is within chance."""
    custom, general = np.ones(200, dtype=bool), np.ones(200, dtype=bool)
    custom[[0, 4, 8, 12, 16]] = False  # auto: 5 discordant pairs, all for general; mid-p .031
    verdict = decide([arm("claims", "custom", custom), arm("general", "general", general)], LABELS)
    assert verdict.wins_general[0].p_value > 0.05
    assert "none of it beyond chance" in verdict.sentence


@pytest.mark.parametrize(
    ("right", "said"),
    [(95, "it beats the custom model"), (80, "no clear difference"), (50, "the custom model beats it, by +30.0 points")],
)
def test_the_sentence_is_honest_about_the_classical_baseline(right: int, said: str) -> None:
    arms = [arm("claims", "custom", [1] * 80 + [0] * 20), arm("general", "general", [1] * 40 + [0] * 60)]
    verdict = decide([*arms, arm("TF-IDF", "baseline", [1] * right + [0] * (100 - right))], LABELS)
    assert f"The classical baseline (TF-IDF) was right in {right}.0 %" in verdict.sentence
    assert said in verdict.sentence
    assert verdict.decision == "custom"


def test_a_side_that_is_no_custom_model_is_called_what_it_is() -> None:
    better, worse = [1] * 90 + [0] * 10, [1] * 50 + [0] * 50
    arms = [arm("general", "general", worse), arm("shown", "general", better), arm("TF-IDF", "baseline", better)]
    baseline = decide(arms, LABELS, Question(custom="TF-IDF", general="general"))
    assert baseline.sentence.startswith(
        "On 100 test cases the classical baseline (TF-IDF) was right in 90.0 % and the general model"
    )
    assert "Use the classical baseline: it is" in baseline.sentence
    assert "custom model" not in baseline.sentence

    alike = decide(arms[:2], LABELS, Question(custom="general", general="shown", recall_floors={"fire": 0.3}))
    assert alike.sentence.startswith("On 100 test cases general was right in 50.0 % and shown in 90.0 %")
    assert "Use shown: it is" in alike.sentence
    assert "shown did better on" in alike.sentence


# ---- A/A: the same model as both arms


def test_identical_answers_give_no_difference() -> None:
    verdict = _pair(150, 0, 0, 50)
    assert (verdict.decision, verdict.p_value, verdict.difference.estimate) == ("not enough evidence", 1.0, 0.0)
    assert verdict.pair.macro_f1_difference.low == verdict.pair.macro_f1_difference.high == 0


@pytest.mark.parametrize("tries", [120, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_whole_verdict_raises_a_false_alarm_at_most_at_the_nominal_rate(tries: int) -> None:
    """The same model sampled twice, many times over: easy and hard cases, the same cost on both sides."""
    generator, n = np.random.default_rng(11), 160
    alarms = 0
    for _ in range(tries):
        ease = generator.beta(2, 1, size=n)
        custom, general = (arm(kind, kind, generator.random(n) < ease, bytes=10_000_000) for kind in ("custom", "general"))
        alarms += decide([custom, general], LABELS).decision != "not enough evidence"
    low, high = binom.ppf([0.005, 0.995], tries, 0.05)
    assert low <= alarms <= high


def test_every_pair_is_adjusted_over_all_of_them() -> None:
    """One arm against itself and one that is a little better: .02 for a single pair is .06 among three."""
    arms = [arm(name, kind, right) for name, kind, right in _three()]
    verdict = decide(arms, LABELS, Question(every_pair=True))
    by_names = {(one.first, one.second): one for one in verdict.pairs}
    assert set(by_names) == {("claims", "general"), ("claims", "TF-IDF"), ("general", "TF-IDF")}
    close = by_names["claims", "general"]
    assert close.p_value < 0.05 < close.adjusted
    assert by_names["general", "TF-IDF"].p_value == 1.0
    assert decide(arms, LABELS).pairs == ()


def _three() -> list[tuple[str, str, list[int]]]:
    better, plain = [1] * 160 + [1] * 12 + [0] * 3 + [0] * 25, [1] * 160 + [0] * 12 + [1] * 3 + [0] * 25
    return [("claims", "custom", better), ("general", "general", plain), ("TF-IDF", "baseline", plain)]


def test_metrics_and_a_cascade_add_no_false_alarms() -> None:
    """The same model drawn twice, one copy called dear so that a cascade is tried: a few alarms at most in 20 tries."""
    generator, tries, n = np.random.default_rng(13), 20, 120
    alarms = {"metrics": 0, "cascade": 0}
    costs = Costs(currency="EUR", wrong=10, matrix={"auto": {"fire": 50}})
    asked = Question(metrics=("accuracy", "macro_f1", "cost"), costs=costs, margin_money=20, cascade=True)
    for _ in range(tries):
        sure, held = generator.uniform(0.4, 1, n), generator.uniform(0.4, 1, 100)
        test, validation = (
            [
                arm(name, name, generator.random(len(one)) < one, one, **latency(len(one), ms))
                for name, ms in (("custom", 20), ("general", 200))
            ]
            for one in (sure, held)
        )
        verdict = decide(test, LABELS, asked, validation={one.arm: one for one in validation})
        alarms["metrics"] += "beyond chance" in verdict.reason
        alarms["cascade"] += verdict.decision == "cascade"
    assert max(alarms.values()) <= binom.ppf(0.999, tries, 0.05)


@pytest.mark.parametrize("tries", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_whole_verdict_finds_a_real_difference_at_the_planned_power(tries: int) -> None:
    """374 cases at 12 % discordance should find 5 points four times in five (Connor)."""
    generator = np.random.default_rng(12)
    found = 0
    for _ in range(tries):
        outcome = generator.choice(4, size=374, p=[0.085, 0.035, 0.6, 0.28])
        arms = [arm("custom", "custom", np.isin(outcome, [0, 2])), arm("general", "general", np.isin(outcome, [1, 2]))]
        found += decide(arms, LABELS).decision == "custom"
    low, high = binom.ppf([0.005, 0.995], tries, 0.8)
    assert low <= found <= high
