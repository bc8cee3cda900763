"""From log-likelihoods of labels to a decision: as they are, per token, or against what the model says to no text at all."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import as_messages
from app.engines.base import Priority, ScoreRequest, Scores
from app.engines.registry import Engines
from app.errors import BrokenWeights
from app.inference.labels import Question
from app.inference.schemas import Scoring

CONTENT_FREE = "N/A"  # of the texts that Zhao et al. tried, the one that they recommend alone
_REMEMBERED = 1000  # questions whose content-free scores are kept
_LOWEST = -1e9  # for a likelihood of nothing, which has no difference to another such


@dataclass(frozen=True)
class Decision:
    """Scores as probabilities. `label_mass` is of the model itself, however its labels were compared."""

    label: str
    probabilities: dict[str, float]
    label_mass: float
    margin: float


class Scorer:
    """Scores labels with the engines, and remembers what each question gets for no text.

    `sum` is the log-likelihood of the whole label: right for a model that was trained to say it. Another model has habits
    that have nothing to do with the text: it likes short labels, and some words better than others. `mean` divides by the
    label's tokens (the end of the answer is one). `calibrated` subtracts the log-likelihood that the label gets after the same
    prompt with CONTENT_FREE for the text (T. Zhao et al., "Calibrate Before Use", ICML 2021; A. Holtzman et al., "Surface Form
    Competition", EMNLP 2021).
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._content_free: OrderedDict[tuple[str, str, tuple[str, ...]], Sequence[float]] = OrderedDict()

    async def score(
        self, model: ModelVersion, question: Question, text: str, scoring: Scoring, priority: Priority = "interactive"
    ) -> tuple[Scores, Decision]:
        """Raises BrokenWeights for weights that compute NaN, and what an engine raises."""
        scores = await self._asked(model, question, question.put(text), priority)
        values = scores.log_likelihoods
        if scoring == "mean":
            values = [value / (tokens + 1) for value, tokens in zip(values, scores.label_tokens, strict=True)]
        elif scoring == "calibrated":
            habits = await self._habits(model, question, priority)
            values = [max(value, _LOWEST) - max(habit, _LOWEST) for value, habit in zip(values, habits, strict=True)]
        return scores, decide(question.labels, values, scores.log_likelihoods)

    async def _habits(self, model: ModelVersion, question: Question, priority: Priority) -> Sequence[float]:
        prompt = question.put(CONTENT_FREE)
        key = (model.digest, prompt, question.answers)
        if key not in self._content_free:
            self._content_free[key] = (await self._asked(model, question, prompt, priority)).log_likelihoods
            if len(self._content_free) > _REMEMBERED:
                self._content_free.popitem(last=False)
        self._content_free.move_to_end(key)
        return self._content_free[key]

    async def _asked(self, model: ModelVersion, question: Question, prompt: str, priority: Priority) -> Scores:
        request = ScoreRequest(model, as_messages(prompt), question.answers, priority)
        scores = await self._engines.of(model).score(request)
        if any(map(math.isnan, scores.log_likelihoods)):
            raise BrokenWeights(model.id)
        return scores


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
