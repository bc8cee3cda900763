"""Labels texts with a model as the service does it: the same questions, the same scorer, the same engines, without HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from threading import Event
from typing import TypeVar, get_args

from app.benchmarks.scorers import Label
from app.catalog.catalog import ModelVersion
from app.engines.registry import Engines
from app.errors import ContextExceeded
from app.inference.labels import Question
from app.inference.schemas import Scoring
from app.inference.scoring import Scorer
from app.training.errors import TrainingStopped

AT_ONCE = 16  # texts in one batch of the engine

Labels = list[Label]
Ways = dict[Scoring, Labels]
Tell = Callable[[float, str], None]  # share done of what is in hand, and words about it

T = TypeVar("T")


class Judge:
    """A text that does not fit the context gets no label, which counts as wrong."""

    def __init__(self, engines: Engines, stop: Event) -> None:
        self._engines, self._scorer, self._stop = engines, Scorer(engines), stop

    async def label(
        self, model: ModelVersion, question: Question, texts: Sequence[str], scoring: Scoring, tell: Tell
    ) -> Labels:
        """One label a text, scored in one way; the others of a text are computed only as far as that takes."""

        async def one(text: str) -> Label:
            _, decision = await self._scorer.score(model, question, text, scoring, "batch", only_best=True)
            return decision.label

        return await self._each(texts, one, None, tell)

    async def in_every_way(self, model: ModelVersion, question: Question, texts: Sequence[str], tell: Tell) -> Ways:
        """The labels that each way of scoring gives."""

        async def one(text: str) -> dict[Scoring, Label]:
            decisions = await self._scorer.in_every_way(model, question, text, "batch")
            return {scoring: decision.label for scoring, decision in decisions.items()}

        none: dict[Scoring, Label] = dict.fromkeys(get_args(Scoring))
        found = await self._each(texts, one, none, tell)
        return {scoring: [labels[scoring] for labels in found] for scoring in get_args(Scoring)}

    async def fits(self, model: ModelVersion, question: Question, texts: Sequence[str]) -> bool:
        """Whether these texts and their labels are within the model's context."""
        try:
            for text in texts:
                await self._scorer.score(model, question, text, "sum", "batch", only_best=True)
        except ContextExceeded:
            return False
        return True

    async def longest(self, model: ModelVersion, texts: Sequence[str], count: int = 3) -> list[str]:
        """The texts that have the most tokens for this model."""
        engine = self._engines.of(model)
        sizes = [len(await engine.tokenize(model, text)) for text in texts]
        return [texts[place] for place in sorted(range(len(texts)), key=lambda place: -sizes[place])[:count]]

    async def let_go(self, model: ModelVersion) -> None:
        """Frees the memory of its weights."""
        if self._engines.loaded(model):
            await self._engines.of(model).unload(model)

    async def _each(self, texts: Sequence[str], ask: Callable[[str], Awaitable[T]], too_long: T, tell: Tell) -> list[T]:
        """Raises TrainingStopped when asked to stop, between two batches."""

        async def one(text: str) -> T:
            try:
                return await ask(text)
            except ContextExceeded:
                return too_long

        found: list[T] = []
        for start in range(0, len(texts), AT_ONCE):
            if self._stop.is_set():
                raise TrainingStopped("stopped while cases were asked; the same command asks them again")
            found += await asyncio.gather(*map(one, texts[start : start + AT_ONCE]))
            tell(len(found) / len(texts), f"{len(found):,} of {len(texts):,} cases")
        return found
