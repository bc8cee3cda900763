"""The verdict on scores: the rule of labels on a paired difference of means, or of bits per byte where less is better."""

import random
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from app.benchmarks.arms import ArmResult, Kind
from app.benchmarks.report import to_csv, to_html, to_markdown, to_pack, to_table
from app.benchmarks.scored.scales import SCALES
from app.benchmarks.scored.summary import scored_summary
from app.benchmarks.scored.verdict import decide_scored
from app.benchmarks.verdict import Question
from app.benchmarks.verdict.differences import score_difference
from app.errors import InvalidRequest

N = 60


def arm(name: str, kind: Kind, scores: dict[str, list[float | None]], **more: object) -> ArmResult:
    return ArmResult(name, kind, range(N), ["x"] * N, ["x"] * N, scores=scores, bytes=100, **more)  # type: ignore[arg-type]


def draws(seed: int, low: float, high: float) -> list[float | None]:
    random_ = random.Random(seed)
    return [random_.uniform(low, high) for _ in range(N)]


def qa(first: list[float | None], second: list[float | None]) -> list[ArmResult]:
    return [
        arm("claims", "custom", {"token_f1": first, "exact_match": first}),
        arm("general", "general", {"token_f1": second, "exact_match": second}),
    ]


def test_the_better_arm_wins_and_the_sentence_names_the_metric() -> None:
    verdict = decide_scored(qa(draws(1, 0.6, 1), draws(2, 0, 0.5)), SCALES["qa"])
    assert verdict.decision == "custom"
    assert "token F1" in verdict.sentence
    assert "Case by case" in verdict.sentence
    assert verdict.metrics[0].difference.low > 0.3
    assert verdict.metrics[0].p_value < 0.01


def test_two_arms_of_the_same_kind_are_told_apart_by_their_names() -> None:
    first, second = (replace(one, kind="general") for one in qa(draws(1, 0.6, 1), draws(2, 0, 0.5)))
    verdict = decide_scored([first, second], SCALES["qa"], Question(custom="claims", general="general"))
    assert verdict.sentence.startswith(f"On {N} test cases claims reached")
    assert "Use claims: it is" in verdict.sentence
    assert "the custom model" not in verdict.sentence


def test_equal_arms_are_not_enough_evidence() -> None:
    verdict = decide_scored(qa(draws(1, 0, 1), draws(2, 0, 1)), SCALES["qa"])
    assert verdict.decision == "not enough evidence"
    assert verdict.cases_still_needed is not None
    assert verdict.cases_still_needed > 0


def test_of_bits_per_byte_less_wins_and_long_texts_count_for_their_length() -> None:
    sizes = [10.0] * (N - 1) + [1000.0]
    low, high = [1.0] * (N - 1) + [2.0], [1.2] * (N - 1) + [2.3]
    arms = [
        arm("claims", "custom", {"bits_per_byte": [*low]}, sizes=sizes),
        arm("general", "general", {"bits_per_byte": [*high]}, sizes=sizes),
    ]
    verdict = decide_scored(arms, SCALES["perplexity"])
    assert verdict.metrics[0].first.estimate == pytest.approx((590 + 2000) / 1590)
    assert verdict.decision == "custom"
    assert "less surprised" in verdict.sentence
    assert (verdict.custom_ahead, verdict.general_ahead) == (N, 0)


def test_cases_without_the_score_are_left_out_of_its_difference() -> None:
    scale: list[float | None] = [None, *([0.5] * (N - 1))]
    first, second = (arm(name, "custom", {"figures_named": scale}) for name in ("a", "b"))
    found = score_difference("figures_named", first, second)
    assert (found.difference.n, found.difference.estimate) == (N - 1, 0)
    assert found.difference.high > 0  # agreeing cases prove nothing of those not seen


def test_what_goes_with_labels_is_refused_by_name() -> None:
    arms = qa(draws(1, 0, 1), draws(2, 0, 1))
    for question, param in (
        (Question(metrics=("accuracy",)), "metrics"),
        (Question(recall_floors={"x": 0.5}), "recall_floors"),
        (Question(every_pair=True), "every_pair"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            decide_scored(arms, SCALES["qa"], question)
        assert refused.value.param == param


def test_each_slice_has_its_cases_its_scores_and_a_difference() -> None:
    states = ["Ohio", "Iowa", "Iowa"] * (N // 3)
    good: list[float | None] = [1.0 if state == "Iowa" else 0.5 for state in states]
    custom, general = (replace(one, slices={"state": states}) for one in qa(good, [0.5] * N))
    summary = scored_summary("faq", SCALES["qa"], [custom, general], latency_note="Not timed.", seed=3)
    iowa, ohio = summary["slices"]
    assert [(one["value"], one["n"]) for one in (iowa, ohio)] == [("Iowa", 40), ("Ohio", 20)]
    assert iowa["scores"]["claims"]["estimate"] == 1
    assert iowa["scores"]["claims"]["low"] < 1  # forty right cases prove no perfection
    assert iowa["pair"]["difference"]["estimate"] == pytest.approx(0.5)
    assert iowa["pair"]["p_value"] < 0.01 < ohio["pair"]["p_value"] == 1
    assert ohio["pair"]["difference"]["low"] < 0 < ohio["pair"]["difference"]["high"]
    shown = StringIO()
    Console(width=126, file=shown).print(to_table(summary))
    assert "Token F1 by state" in shown.getvalue()


def test_a_model_that_does_not_beat_the_baseline_is_told_so() -> None:
    arms = qa(draws(1, 0.6, 1), draws(2, 0, 0.5))
    scores = draws(1, 0.6, 1)
    rival = arm("nearest training question", "baseline", {"token_f1": scores, "exact_match": scores}, validation_accuracy=0.8)
    summary = scored_summary("faq", SCALES["qa"], [rival, *arms], latency_note="Not timed.")
    assert summary["verdict"]["baseline"]["second"] == rival.arm
    assert "no clear difference" in summary["verdict"]["sentence"]
    (note,) = [note for note in summary["footnotes"] if "Not shown to beat" in note]
    assert "claims (" in note
    assert "general (" in note
    weak = replace(rival, scores={name: [0.0] * N for name in rival.scores})
    beaten = scored_summary("faq", SCALES["qa"], [weak, *arms], latency_note="Not timed.")
    assert "the custom model beats it" in beaten["verdict"]["sentence"]
    assert any(note.startswith("Every model beats the baseline") for note in beaten["footnotes"])


def test_every_form_of_a_report_shows_the_metrics_and_no_accuracy() -> None:
    arms = qa(draws(1, 0.6, 1), draws(2, 0, 0.5))
    arms = [replace(one, slices={"state": ["Ohio", "Iowa", "Iowa"] * (N // 3)}) for one in arms]
    failed = arm("broken", "general", {"token_f1": [None] * N, "exact_match": [None] * N}, failure="Failed: it is gone.")
    failed = replace(failed, slices=arms[0].slices)
    summary = scored_summary("faq", SCALES["qa"], [*arms, failed], latency_note="Not timed.")
    assert summary["rows"][0]["scores"]["token_f1"]["n"] == N
    assert summary["rows"][2]["scores"]["token_f1"] is None
    for render in (to_markdown, to_html, to_pack):
        text = render(summary)
        assert "token F1" in text
        assert "macro-F1" not in text
        assert "broken" in text
        assert "Token F1 by state" in text
    head = to_csv(summary).splitlines()[0].split(",")
    assert {"token_f1", "token_f1_low", "exact_match_n"} <= set(head)
