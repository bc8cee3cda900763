"""Money per 1,000 cases from what was measured, and the break-even with its band, 'never' included."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from app.benchmarks.arms import ArmResult
from app.benchmarks.called import Called
from app.benchmarks.economics import Made, Price, Spending, Training, break_even, economics, spending, training_cost
from app.benchmarks.statistics import Interval

API = Price(input_per_million=3, output_per_million=15)
MODELS = Called("the custom model", "the general model")


def _arm(name: str = "x", n: int = 200, **more: Any) -> ArmResult:
    return ArmResult(name, "custom", cases=range(n), gold=["a"] * n, predicted=["a"] * n, **more)


def _exact(value: float) -> Interval:
    return Interval(value, value, value, 100)


def test_tokens_cost_what_the_api_takes_for_them() -> None:
    prompts, answers = [100 + i for i in range(200)], [10] * 200
    spent = spending(_arm(tokens=[p + 10 for p in prompts], answer_tokens=answers), API, seed=0)
    assert isinstance(spent, Spending)
    cost = spent.interval(None, 0)
    assert cost.estimate == pytest.approx(1000 * (sum(prompts) / 200 * 3 + 10 * 15) / 1e6)
    assert cost.low < cost.estimate < cost.high
    assert cost.n == 200
    assert "tokens come on top" not in spent.basis
    scored = spending(_arm(tokens=prompts, answer_tokens=[0] * 200), API, seed=0)
    assert isinstance(scored, Spending)
    assert "labels were scored, not written" in scored.basis


def test_a_machine_costs_its_hour_over_the_measured_throughput() -> None:
    latencies = [90.0 + i % 21 for i in range(200)]
    spent = spending(_arm(cases_per_second=20, latencies_ms=latencies), Price(per_hour=3.6), seed=0)
    assert isinstance(spent, Spending)
    cost = spent.interval(None, 0)
    assert cost.estimate == pytest.approx(1000 * 3.6 / 3600 / 20)
    assert cost.low < cost.estimate < cost.high
    half = spending(_arm(cases_per_second=20), Price(per_hour=3.6, utilisation=0.5), seed=0)
    assert isinstance(half, Spending)
    assert half.interval(None, 0).estimate == pytest.approx(2 * cost.estimate)
    alone = spending(_arm(latencies_ms=[100.0] * 200), Price(per_hour=3.6), seed=0)
    assert isinstance(alone, Spending)
    assert alone.interval(None, 0).estimate == pytest.approx(1000 * 3.6 / 3600 / 10)


def test_what_was_not_measured_is_said() -> None:
    assert "were not counted" in str(spending(_arm(), API, seed=0))
    assert "neither throughput nor latency" in str(spending(_arm(), Price(per_hour=1), seed=0))


@pytest.mark.parametrize("price", [{}, {"per_hour": 1, "input_per_million": 1}, {"per_hour": -1}, {"per_hour": math.inf}])
def test_a_price_is_by_tokens_or_by_the_hour(price: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Price(**price)


def test_training_pays_for_itself_after_the_cases_that_save_it() -> None:
    """100 once, 1 against 3 per 1,000 cases: 2 saved per 1,000, so 50,000 cases."""
    found = break_even(100, "as given", _exact(1), _exact(3), "EUR", MODELS)
    assert found.cases == 50_000
    # Best: 75 once, .75 against 3.75. Worst: 125 once, 1.25 against 2.25.
    assert (found.low, found.high) == (25_000, 125_000)
    moved = {one.what: one.cases for one in found.sensitivity}
    assert moved["price of the general model -25 %"] == 80_000
    assert moved["price of the general model +25 %"] == math.ceil(100 / 2.75 * 1000)
    assert moved["price of the training -25 %"] == 37_500
    assert "paid for its 100 EUR after 50,000 cases" in found.sentence
    assert "after 25,000 cases at best, after 125,000 cases at worst" in found.sentence


def test_never_is_said_where_running_it_costs_more() -> None:
    found = break_even(100, "as given", _exact(5), _exact(3), "EUR", MODELS)
    assert (found.cases, found.high) == (None, None)
    assert found.sentence.startswith("The custom model never pays for itself")
    hopeless = break_even(100, "as given", _exact(9), _exact(3), "EUR", MODELS)
    assert (hopeless.cases, hopeless.low, hopeless.high) == (None, None, None)
    assert hopeless.sentence.endswith("still never.")
    close = break_even(100, "as given", _exact(2.5), _exact(3), "EUR", MODELS)
    assert close.cases == 200_000
    assert close.high is None
    assert "never at worst" in close.sentence
    assert break_even(100, "as given", _exact(3), _exact(3), "EUR", MODELS).cases is None  # nothing saved, nothing paid back


def test_the_sides_are_called_what_they_are() -> None:
    baseline = break_even(100, "as given", _exact(1), _exact(3), "EUR", Called("the classical baseline", "the general model"))
    assert baseline.sentence.startswith("The classical baseline has paid for its 100 EUR")
    assert baseline.sensitivity[1].what == "price of the classical baseline -25 %"
    names = break_even(100, "as given", _exact(5), _exact(3), "EUR", Called("claims@2", "claims@1"))
    assert names.sentence.startswith("claims@2 never pays for itself: running it costs 5 EUR per 1,000 cases, claims@1 3.")


def test_measurements_move_the_break_even_too() -> None:
    found = break_even(100, "as given", Interval(1, 0.9, 1.1, 50), Interval(3, 2.8, 3.2, 50), "EUR", MODELS)
    moved = {one.what: one.cases for one in found.sensitivity}
    assert moved["the custom model measured at its worst"] == math.ceil(100 / 1.9 * 1000)
    assert moved["the general model measured at its cheapest"] == math.ceil(100 / 1.8 * 1000)
    assert found.high == math.ceil(125 / (2.8 * 0.75 - 1.1 * 1.25) * 1000)  # all of it at once


def test_a_training_that_cost_nothing_pays_from_the_first_case() -> None:
    found = break_even(0, "as given", _exact(1), _exact(3), "EUR", MODELS)
    assert found.cases == 0
    assert "after the first case" in found.sentence


def test_what_the_training_cost_comes_from_who_asks_or_from_the_card() -> None:
    made = Made(seconds=7200, energy_cost=0.5)
    assert training_cost(Training(cost=40, other=10), made, "EUR")[0] == 50
    assert training_cost(Training(per_hour=2.5), made, "EUR")[0] == 5
    assert training_cost(None, made, "USD")[0] == 0.5
    assert "energy alone" in training_cost(None, made, "USD")[1]
    assert "give training.cost" in str(training_cost(None, made, "EUR"))  # the card's dollars are no euros
    assert "card does not tell how long" in str(training_cost(Training(per_hour=2), Made(), "EUR"))


def test_all_of_it_side_by_side_or_what_to_give() -> None:
    custom = _arm("claims", cases_per_second=20, latencies_ms=[50.0 + i % 5 for i in range(200)])
    general = _arm("general", tokens=[500] * 200, answer_tokens=[5] * 200)
    spent = {"general": spending(general, API, 0), "claims": spending(custom, Price(per_hour=1.8), 0)}
    found = economics(custom, general, spent, "EUR", Training(cost=20), Made())
    assert found.missing == ()
    assert found.saving is not None
    assert found.saving.estimate == pytest.approx((495 * 3 + 5 * 15) / 1000 - 1000 * 1.8 / 3600 / 20)
    assert found.break_even is not None
    assert found.break_even.cases == math.ceil(20 / found.saving.estimate * 1000)

    unknown = economics(custom, general, spent | {"general": "no price is given for general"}, "EUR", None, Made())
    assert (unknown.saving, unknown.break_even) == (None, None)
    assert unknown.missing[0] == "no price is given for general"
    assert "what the training cost is not known" in unknown.missing[1]
