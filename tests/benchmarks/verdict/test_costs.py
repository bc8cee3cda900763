"""What mistakes cost: every cell counts, the answer that is no label too, and ten agreeing cases prove nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.benchmarks.verdict import Question, decide
from app.benchmarks.verdict.costs import Costs, case_costs, cost_table
from app.benchmarks.verdict.differences import cost_difference, macro_f1_difference
from app.errors import InvalidRequest
from tests.benchmarks.verdict.made import LABELS, arm, latency

COSTS = Costs(currency="EUR", wrong=10, invalid=30, matrix={"auto": {"fire": 500, "auto": -2}})


def test_each_case_costs_what_its_cell_says() -> None:
    table = cost_table(COSTS, LABELS)
    one = replace(arm("x", "custom", [1, 1, 0, 0]), predicted=["auto", None, "water", "gibberish"])
    assert case_costs(one, table, LABELS).tolist() == [-2, 30, 10, 30]
    assert case_costs(arm("x", "custom", [0]), table, LABELS).tolist() == [500]


def test_an_answer_that_is_no_label_costs_as_a_wrong_one_unless_told() -> None:
    assert cost_table(Costs(currency="EUR", wrong=7), LABELS)[0].tolist() == [0, 7, 7, 7, 7]
    by_cell = Costs(currency="EUR", wrong=7, matrix={"auto": {"invalid": 9}})
    assert cost_table(by_cell, LABELS)[:2, -1].tolist() == [9, 7]
    # A task with a label of that name: its column is the label's, and `invalid` is for the other.
    table = cost_table(Costs(currency="EUR", wrong=7, invalid=1, matrix={"a": {"invalid": 9}}), ("a", "invalid"))
    assert table.tolist() == [[0, 9, 1], [7, 0, 1]]


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        (Costs(currency="EUR", matrix={"auto": {"fire": 5}}), "15 cells open: auto answered as theft"),
        (Costs(currency="EUR", wrong=1, matrix={"car": {"fire": 5}}), "'car', which is no label"),
        (Costs(currency="EUR", wrong=1, matrix={"auto": {"fir": 5}}), "'fir', which is no label"),
    ],
)
def test_a_matrix_that_leaves_a_question_is_refused(costs: Costs, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        cost_table(costs, LABELS)


def test_the_dearer_mistakes_decide_against_the_more_accurate_model() -> None:
    """custom is right more often, but mistakes auto for fire, at 500 each."""
    n = 800
    custom, general = np.ones(n, dtype=bool), np.arange(n) % 5 > 0
    custom[::16] = False  # auto, answered as fire
    general[::4] = True
    arms = [arm("claims", "custom", custom), arm("general", "general", general)]
    assert decide(arms, LABELS).decision == "custom"
    verdict = decide(arms, LABELS, Question(costs=COSTS))
    assert verdict.decision == "general"
    (cost,) = verdict.metrics
    # 50 of 800 cases at 500; the other 150 cases of auto bring 2 each.
    assert cost.first.estimate == pytest.approx(1000 * (50 * 500 - 150 * 2) / n)
    assert cost.difference.low > 0
    assert "per 1,000 cases" in verdict.sentence
    assert "less costly in its mistakes beyond chance" in verdict.reason
    both = decide(arms, LABELS, Question(costs=COSTS, metrics=("accuracy", "cost")))
    assert both.decision == "not enough evidence"
    assert "one is better in accuracy, the other in cost of mistakes" in both.reason


def test_the_same_answers_cost_the_same() -> None:
    one = arm("x", "custom", np.arange(400) % 3 > 0)
    d = cost_difference(one, replace(one, arm="y"), LABELS, cost_table(COSTS, LABELS), "EUR")
    assert (d.p_value, d.difference.estimate) == (1.0, 0.0)


def test_a_handful_of_agreeing_cases_does_not_prove_equal_cost_or_equal_macro_f1() -> None:
    """A bootstrap of no difference has no width: 20 agreeing cases would have made the cheaper model win."""
    custom = arm("claims", "custom", [1] * 20, **latency(20, 20))
    general = arm("general", "general", [1] * 20, **latency(20, 40))
    asked = Question(costs=Costs(currency="EUR", wrong=10), margin_money=100)
    assert decide([custom, general], LABELS, asked).decision == "not enough evidence"
    f1 = decide([custom, general], LABELS, Question(metrics=("macro_f1",)))
    assert f1.decision == "not enough evidence"
    assert f1.metrics[0].difference.low < -0.05
    # At 5,000 cases the same agreement is proof enough.
    many = [replace(arm(one.arm, one.kind, [1] * 5000), bytes=size) for one, size in ((custom, 10), (general, 20))]
    assert decide(many, LABELS, asked).decision == "custom"
    assert decide(many, LABELS, Question(metrics=("macro_f1",))).decision == "custom"


def test_macro_f1_sees_what_accuracy_does_not() -> None:
    """A rare label that only general knows: 30 of 1,000 cases for accuracy, a quarter of macro-F1."""
    n = 1000
    gold = ["water" if i < 30 else LABELS[i % 3] for i in range(n)]
    custom = replace(arm("claims", "custom", [1] * n), gold=gold, predicted=["auto" if one == "water" else one for one in gold])
    general = replace(
        arm("general", "general", [1] * n), gold=gold, predicted=["auto" if i % 20 == 7 else g for i, g in enumerate(gold)]
    )
    d = macro_f1_difference(custom, general, LABELS)
    assert d.difference.high < 0
    assert d.p_value < 0.01
    assert decide([custom, general], LABELS, Question(metrics=("macro_f1",))).decision == "general"


def test_cases_that_belong_together_are_not_counted_as_many() -> None:
    """Ten contracts of forty alike cases: 400 cases would be proof, ten contracts are not."""
    contract = np.repeat(np.arange(10), 40)
    custom = arm("claims", "custom", contract < 8, clusters=[str(one) for one in contract])
    general = arm("general", "general", contract < 5, clusters=[str(one) for one in contract])
    verdict = decide([custom, general], LABELS)
    assert decide([replace(custom, clusters=()), replace(general, clusters=())], LABELS).decision == "custom"
    assert verdict.decision == "not enough evidence"
    assert verdict.p_value > 0.05
    assert any("10 clusters only" in note for note in verdict.notes)


@pytest.mark.parametrize("wrong", [{"wrong": 1e300}, {"currency": "EU\0"}, {"currency": "a\nb"}])
def test_money_that_sums_cannot_hold_and_currencies_that_no_line_shows_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Costs.model_validate({"currency": "EUR", "wrong": 1} | wrong)
