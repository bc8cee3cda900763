"""From log-likelihoods of labels to a decision: as they are, per token, or against what the model says to no text at all."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from pydantic import BaseModel, Field

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import as_messages
from app.engines.base import Priority, Ranking, ScoreRequest, Scores
from app.engines.registry import Engines
from app.errors import BrokenWeights
from app.inference.labels import Question
from app.inference.schemas import Scoring

CONTENT_FREE = "N/A"  # of the texts that Zhao et al. tried, the one that they recommend alone
_REMEMBERED = 1000  # questions whose content-free scores are kept


Interval = tuple[float, float]


class Bounds(BaseModel):
    """What is certain where only the best label was computed: from, to."""

    probability: Interval = Field(description="of the label among the labels")
    label_mass: Interval


@dataclass(frozen=True)
class Decision:
    """Scores as probabilities. `label_mass` is of the model itself, however its labels were compared. Where only the best label
    is wanted there are `bounds` instead of these numbers. `calibration_temperature` is what they were divided by, if by any."""

    label: str
    probabilities: dict[str, float] | None
    label_mass: float | None
    margin: float | None
    bounds: Bounds | None = None
    calibration_temperature: float | None = None


class Scorer:
    """Scores labels with the engines, and remembers what each question gets for no text.

    `sum` is the log-likelihood of the whole label: right for a model that was trained to say it. Another model has habits
    that have nothing to do with the text: it likes short labels, and some words better than others. `mean` divides by the
    label's tokens (the end of the answer is one). `calibrated` subtracts the log-likelihood that the label gets after the same
    prompt with CONTENT_FREE for the text (T. Zhao et al., "Calibrate Before Use", ICML 2021; A. Holtzman et al., "Surface Form
    Competition", EMNLP 2021). With `sum` a question's temperature, fitted
    when its model was trained, divides the log-likelihoods; the order of the labels stays.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._content_free: OrderedDict[tuple[str, str, tuple[str, ...]], Sequence[float]] = OrderedDict()

    async def score(
        self,
        model: ModelVersion,
        question: Question,
        text: str,
        scoring: Scoring,
        priority: Priority = "interactive",
        *,
        only_best: bool = False,
    ) -> tuple[Scores, Decision]:
        """Raises BrokenWeights for weights that compute NaN, and what an engine raises."""
        ranking = await self._ranking(model, question, scoring, priority)
        scores = await self._asked(model, question, question.put(text), priority, ranking if only_best else None)
        temperature = _temperature(question, scoring)
        values = _values(ranking, scores, temperature)
        if only_best:
            decision = decide_best(question.labels, values, scores)
        else:
            decision = decide(question.labels, values, scores.log_likelihoods)
        return scores, replace(decision, calibration_temperature=temperature)

    async def in_every_way(
        self, model: ModelVersion, question: Question, text: str, priority: Priority = "interactive"
    ) -> dict[Scoring, Decision]:
        """What each way of scoring decides, as `score` would, from one look at the text."""
        rankings: dict[Scoring, Ranking] = {
            scoring: await self._ranking(model, question, scoring, priority) for scoring in get_args(Scoring)
        }
        scores = await self._asked(model, question, question.put(text), priority)
        return {
            scoring: replace(
                decide(question.labels, _values(ranking, scores, temperature), scores.log_likelihoods),
                calibration_temperature=temperature,
            )
            for scoring, ranking in rankings.items()
            for temperature in [_temperature(question, scoring)]
        }

    async def _ranking(self, model: ModelVersion, question: Question, scoring: Scoring, priority: Priority) -> Ranking:
        less = await self._habits(model, question, priority) if scoring == "calibrated" else None
        return Ranking(per_token=scoring == "mean", less=less)

    async def _habits(self, model: ModelVersion, question: Question, priority: Priority) -> Sequence[float]:
        prompt = question.put(CONTENT_FREE)
        key = (model.digest, prompt, question.answers)
        if key not in self._content_free:
            self._content_free[key] = (await self._asked(model, question, prompt, priority)).log_likelihoods
            if len(self._content_free) > _REMEMBERED:
                self._content_free.popitem(last=False)
        self._content_free.move_to_end(key)
        return self._content_free[key]

    async def _asked(
        self, model: ModelVersion, question: Question, prompt: str, priority: Priority, best_by: Ranking | None = None
    ) -> Scores:
        request = ScoreRequest(model, as_messages(prompt), question.answers, priority, best_by)
        scores = await self._engines.of(model).score(request)
        if any(map(math.isnan, scores.log_likelihoods)):
            raise BrokenWeights(model.id)
        return scores


def _temperature(question: Question, scoring: Scoring) -> float | None:
    """The question's, which was fitted to whole log-likelihoods; None where there is none."""
    return question.temperature if scoring == "sum" else None


def _values(ranking: Ranking, scores: Scores, temperature: float | None) -> list[float]:
    pairs = zip(scores.log_likelihoods, scores.label_tokens, strict=True)
    return [ranking.value(place, likely, tokens) / (temperature or 1.0) for place, (likely, tokens) in enumerate(pairs)]


def decide(labels: Sequence[str], scores: Sequence[float], log_likelihoods: Sequence[float]) -> Decision:
    """Softmax over `scores`; over the `log_likelihoods` themselves that is each label's share of the label mass. Ties go to the
    first."""
    best = max(scores)
    # Relative to the best: the likelihoods themselves may be too small for a float.
    weights = [1.0 if one == best else math.exp(one - best) for one in scores]
    total = math.fsum(weights)
    probabilities = [weight / total for weight in weights]
    first, second = sorted([*probabilities, 0.0], reverse=True)[:2]
    return Decision(
        label=labels[list(scores).index(best)],
        probabilities=dict(zip(labels, probabilities, strict=True)),
        label_mass=min(1.0, math.fsum(map(math.exp, log_likelihoods))),
        margin=first - second,
    )


def decide_best(labels: Sequence[str], values: Sequence[float], scores: Scores) -> Decision:
    """`values` rank the labels; those of the bounded ones are what they are at most. Ties go to the first."""
    best = max(values)
    place = list(values).index(best)

    def sums(numbers: Sequence[float]) -> Interval:
        """Of what is known, and of all at their most."""
        known = [number for place, number in enumerate(numbers) if place not in scores.bounded]
        return math.fsum(known), math.fsum(numbers)

    low, high = sums([math.exp(value - best) for value in values])
    mass = sums([*map(math.exp, scores.log_likelihoods)])
    bounds = Bounds(probability=(1 / high, 1 / low), label_mass=(min(1.0, mass[0]), min(1.0, mass[1])))
    return Decision(labels[place], None, None, None, bounds)
