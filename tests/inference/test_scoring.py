"""Log-likelihoods become a decision; a model's habits can be taken out of them."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import ScoreRequest, Scores
from app.engines.registry import Engines
from app.errors import BrokenWeights
from app.inference.labels import Question
from app.inference.schemas import Scoring
from app.inference.scoring import CONTENT_FREE, Decision, Scorer, decide
from tests.fakes import make_fake


def decision_of(labels: Sequence[str], log_likelihoods: Sequence[float]) -> Decision:
    return decide(labels, log_likelihoods, log_likelihoods)


def test_probabilities_are_the_shares_of_the_label_mass() -> None:
    decision = decision_of(["a", "b", "c"], [math.log(0.1), math.log(0.3), math.log(0.2)])

    assert decision.label == "b"
    assert decision.probabilities == pytest.approx({"a": 1 / 6, "b": 1 / 2, "c": 1 / 3})
    assert decision.label_mass == pytest.approx(0.6)
    assert decision.margin == pytest.approx(1 / 2 - 1 / 3)


def test_ties_go_to_the_first_label() -> None:
    decision = decision_of(["a", "b", "c"], [-2.0, -1.0, -1.0])

    assert (decision.label, decision.margin) == ("b", 0.0)


@pytest.mark.parametrize("lowest", [-2000.0, -math.inf])
def test_labels_too_unlikely_for_a_float_still_have_probabilities(lowest: float) -> None:
    decision = decision_of(["a", "b"], [lowest, lowest])

    assert decision.probabilities == {"a": 0.5, "b": 0.5}
    assert (decision.label, decision.label_mass) == ("a", 0.0)


def test_a_single_label_has_all_the_probability_but_not_all_the_mass() -> None:
    decision = decision_of(["a"], [-1.0])

    assert (decision.probabilities, decision.margin) == ({"a": 1.0}, 1.0)
    assert decision.label_mass == pytest.approx(math.exp(-1))


@given(st.lists(st.floats(max_value=0, min_value=-1e6), min_size=1, max_size=30))
def test_decisions_hold_only_numbers_between_0_and_1(scores: list[float]) -> None:
    decision = decision_of([str(at) for at in range(len(scores))], scores)

    assert math.fsum(decision.probabilities.values()) == pytest.approx(1)
    assert all(0 <= one <= 1 for one in [*decision.probabilities.values(), decision.label_mass, decision.margin])
    assert decision.probabilities[decision.label] == max(decision.probabilities.values())


# ---- Ways of comparing labels

QUESTION = Question(("ankle", "lower back"), ("ankle", "lower back"), "Which part? {}".format)


class Habits:
    """An engine that likes short labels: it tells of every prompt what it is given for it, and counts what it is asked."""

    def __init__(self, **known: tuple[float, float]) -> None:
        self._known = {QUESTION.put(CONTENT_FREE): (-1.0, -4.0)} | {QUESTION.put(text): one for text, one in known.items()}
        self.asked: list[str] = []

    def of(self, model: ModelVersion) -> "Habits":
        return self

    async def score(self, request: ScoreRequest) -> Scores:
        prompt = cast(Any, request.prompt)[0]["content"]
        self.asked.append(prompt)
        return Scores(self._known[prompt], [1, 3], 10, 0.0, 1.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    root: Path = tmp_path_factory.mktemp("models")
    make_fake(root)
    return Catalog([root]).find("general")


def scored(engine: Habits, model: ModelVersion, text: str, scoring: Scoring) -> Decision:
    _, decision = asyncio.run(Scorer(cast(Engines, engine)).score(model, QUESTION, text, scoring))
    return decision


def test_the_sum_favours_the_short_label_and_the_mean_does_not(model: ModelVersion) -> None:
    engine = Habits(back=(-1.2, -2.0))

    plain, per_token = (scored(engine, model, "back", scoring) for scoring in ("sum", "mean"))

    assert plain.label == "ankle"
    assert per_token.label == "lower back"
    # One more token each: the end of the answer.
    assert per_token.probabilities["ankle"] == pytest.approx(1 / (1 + math.exp(1.2 / 2 - 2.0 / 4)))


def test_calibration_takes_out_what_is_said_without_a_text(model: ModelVersion) -> None:
    engine = Habits(back=(-1.2, -2.0), foot=(-0.5, -3.9))

    assert scored(engine, model, "back", "calibrated").label == "lower back"
    # +0.5 against +0.1 over the habit.
    decision = scored(engine, model, "foot", "calibrated")
    assert decision.probabilities["ankle"] == pytest.approx(1 / (1 + math.exp(0.1 - 0.5)))


def test_the_label_mass_is_the_model_s_own_however_labels_are_compared(model: ModelVersion) -> None:
    engine = Habits(back=(-1.2, -2.0))
    masses = [scored(engine, model, "back", scoring).label_mass for scoring in ("sum", "mean", "calibrated")]
    assert masses == pytest.approx([math.exp(-1.2) + math.exp(-2.0)] * 3)


def test_the_habits_of_a_question_are_asked_once(model: ModelVersion) -> None:
    engine = Habits(back=(-1.2, -2.0), foot=(-0.5, -3.9))
    scorer = Scorer(cast(Engines, engine))

    async def story() -> None:
        for text in ("back", "foot", "back"):
            await scorer.score(model, QUESTION, text, "calibrated")

    asyncio.run(story())
    assert engine.asked.count(QUESTION.put(CONTENT_FREE)) == 1
    assert len(engine.asked) == 4


def test_every_way_at_once_decides_as_each_does_alone_and_asks_once(model: ModelVersion) -> None:
    engine = Habits(back=(-1.2, -2.0))
    at_once = asyncio.run(Scorer(cast(Engines, engine)).in_every_way(model, QUESTION, "back"))
    assert engine.asked == [QUESTION.put(CONTENT_FREE), QUESTION.put("back")]
    assert at_once == {scoring: scored(engine, model, "back", scoring) for scoring in get_args(Scoring)}


def test_labels_that_are_impossible_with_and_without_a_text_are_no_trouble(model: ModelVersion) -> None:
    engine = Habits(back=(-math.inf, -1.0))
    engine._known[QUESTION.put(CONTENT_FREE)] = (-math.inf, -1.0)
    decision = scored(engine, model, "back", "calibrated")
    assert decision.probabilities == {"ankle": 0.5, "lower back": 0.5}


@pytest.mark.parametrize("scoring", ["sum", "mean", "calibrated"])
def test_scores_that_are_no_numbers_are_an_error_that_names_the_model(model: ModelVersion, scoring: Scoring) -> None:
    with pytest.raises(BrokenWeights, match=r"general@1.*damaged"):
        scored(Habits(back=(math.nan, -1.0)), model, "back", scoring)


def test_a_temperature_softens_the_sum_and_leaves_order_mass_and_other_ways_alone(model: ModelVersion) -> None:
    scorer = Scorer(cast(Engines, Habits(back=(-1.2, -2.0))))
    tempered = replace(QUESTION, temperature=2.0)

    def ask(question: Question, scoring: Scoring = "sum", *, only_best: bool = False) -> Decision:
        return asyncio.run(scorer.score(model, question, "back", scoring, only_best=only_best))[1]

    decision = ask(tempered)
    assert decision.probabilities is not None
    assert decision.probabilities["ankle"] == pytest.approx(1 / (1 + math.exp((1.2 - 2.0) / 2)))
    assert (decision.label, decision.label_mass) == (ask(QUESTION).label, ask(QUESTION).label_mass)
    assert (decision.calibration_temperature, ask(QUESTION).calibration_temperature) == (2.0, None)
    assert ask(tempered, "mean") == ask(QUESTION, "mean")
    assert ask(tempered, "calibrated") == ask(QUESTION, "calibrated")
    best = ask(tempered, only_best=True)
    assert best.bounds is not None
    assert best.bounds.probability == pytest.approx((decision.probabilities["ankle"],) * 2)
    assert asyncio.run(scorer.in_every_way(model, tempered, "back"))["sum"] == decision
