"""Reason 5: what an answer costs and how long it takes, both models asked in turn so that a busy moment hits both."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.benchmarks import results
from app.benchmarks.asking import ModelArm
from app.benchmarks.bench import asked_as
from app.benchmarks.client import ServiceClient
from app.benchmarks.definition import Examples
from app.benchmarks.economics import PER, Price
from app.benchmarks.examples import Same, choice_of
from app.benchmarks.runner import Case, Chunk, Style
from app.benchmarks.scorecard.from_runs import Answers
from app.benchmarks.scorecard.judgement import Evidence
from app.benchmarks.scorecard.measured import Measure, means, ratios
from app.benchmarks.statistics import Floats
from app.database.tables import Prediction, Run

TIMED = 40  # cases


class Asker:
    """One model, asked as in its run."""

    def __init__(self, client: ServiceClient, run: Run, answers: Answers, told: Sequence[Prediction], train: Sequence[Case]):
        config = run.config
        labels, seed = tuple(config["labels"]), config["seed"]
        chosen = [one for one in told if one.condition.startswith("validation")]
        self.style = results.validation_choice(chosen)[1] if chosen else Style()
        settings, most = Examples.model_validate(config.get("examples", {})), config["most_examples"]
        few_shot = answers.arm.few_shot
        self._choice = choice_of(settings, train, labels, most=most, seed=seed) if few_shot else Same([])
        self._arm = answers.arm
        self._model = ModelArm(answers.arm, client, asked_as(run), labels, seed)

    async def ask(self, case: Case) -> dict[str, Any]:
        chunk = Chunk(self._arm.name, "base", (case.id,), concurrency=1)
        return (await self._model.answer([case], chunk, self._shown, self.style.how))[0]

    def _shown(self, case: Case) -> Sequence[Case]:
        return self._choice.for_case(case)[: self.style.shots]


async def in_turn(general: Asker, custom: Asker, cases: Sequence[Case]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(general's answer, custom's) to the same case, one request at a time; who is asked first alternates, after a warm-up."""
    for case in cases[:2]:
        await general.ask(case), await custom.ask(case)
    pairs = []
    for place, case in enumerate(cases):
        if place % 2:
            second, first = await custom.ask(case), await general.ask(case)
        else:
            first, second = await general.ask(case), await custom.ask(case)
        pairs.append((first, second))
    return [pair for pair in pairs if all(answer["error"] is None for answer in pair)]


def cost_and_performance(
    pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]],
    run: Run,
    config: Mapping[str, Any],
    arms: tuple[str, str],
) -> Evidence:
    """Cost decides where a price is stated for both, latency where not; sizes and throughput are told."""
    latency = ratios(
        "latency, one request at a time",
        "ms",
        [mine["latency_ms"] for mine, _ in pairs],
        [other["latency_ms"] for _, other in pairs],
        better="lower",
    )
    cost = _cost(pairs, config)
    rows = {row["arm"]: row for row in (run.summary or {}).get("rows", [])}
    throughput = [rows.get(arm, {}).get("cases_per_second") for arm in arms]
    deciding, others = (latency, [cost]) if cost.p is None else (cost, [latency])
    return Evidence(
        key="cost_and_performance",
        title="5 Cost and performance",
        claim=f"The custom model's answers {'cost less' if deciding is cost else 'come sooner'}.",
        deciding=deciding,
        others=others,
        facts={
            "parameters": (config["general"]["parameters"], config["custom"]["parameters"]),
            "bytes of weights needed to answer": (config["general"]["bytes"], config["custom"]["bytes"]),
            f"cases per second, {run.config['concurrency']} requests in flight": (throughput[0], throughput[1]),
        },
        notes=[
            f"{len(pairs):,} test cases, both models asked each in turn over HTTP; general in the way that validation chose, "
            "its examples included. The ratio is of geometric means.",
            "Cost: the card's price per token, or where a model has none the stated price of an hour of the machine times the "
            "latency, one request at a time; a loaded machine costs less per answer.",
        ],
    )


def _cost(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], config: Mapping[str, Any]) -> Measure:
    cards = [config[model]["price"] for model in ("general", "custom")]
    currencies = {card["currency"] for card in cards} | ({"USD"} if config["price_per_hour"] else set())
    name = "cost per 1,000 answers"
    first, second = (_price(card, config["price_per_hour"]) for card in cards)
    if first is None or second is None:
        return Measure(
            name, "money", "lower", missing="No price is stated for both: set prices in the cards, or price_per_hour."
        )
    if len(currencies) > 1:
        return Measure(name, "money", "lower", missing=f"Prices are in {' and '.join(sorted(currencies))}; state one currency.")
    general, custom = _spent([mine for mine, _ in pairs], first), _spent([other for _, other in pairs], second)
    return means(name, currencies.pop(), general, custom, better="lower")


def _price(card: Mapping[str, Any], per_hour: float | None) -> Price | None:
    """Per token where the card says so, else per hour of the machine; None: nothing is stated."""
    if card["input_per_million"] or card["output_per_million"]:
        return Price(input_per_million=card["input_per_million"], output_per_million=card["output_per_million"])
    return None if per_hour is None else Price(per_hour=per_hour)


def _spent(answers: Sequence[Mapping[str, Any]], price: Price) -> list[float]:
    """Money of 1,000 such answers, for each."""

    def told(name: str) -> Floats:
        return np.array([answer[name] for answer in answers], dtype=np.float64)

    if price.per_hour is None:
        each = price.of_tokens(told("prompt_tokens"), told("completion_tokens"))
    else:
        each = price.of_seconds(told("latency_ms") / 1000)
    return [float(one) for one in PER * each]
