"""What is compared at each number of labels: how each arm comes from the labels of a point to its answers on the test.

Arm
├── Classical   majority class, and TF-IDF with logistic regression
├── ZeroShot    the general model; labels only choose how it is asked
├── FewShot     the general model with some of the labels as examples in its prompt
└── Custom      a model trained on the labels (custom.py)
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from app.benchmarks.baselines import Baseline, Majority, TfidfLogistic, most_likely
from app.benchmarks.curve.cache import Cache, Record
from app.benchmarks.curve.judge import Judge, Labels, Tell, Ways
from app.benchmarks.curve.study import Study, rows_digest
from app.benchmarks.curve.subsets import Subset
from app.benchmarks.runner import SCORINGS, SHOTS, Case, pick_examples
from app.benchmarks.scorers import accuracy
from app.catalog.catalog import ModelVersion
from app.inference.labels import Question
from app.inference.schemas import Scoring

Kind = Literal["majority", "classical", "zero-shot", "few-shot", "custom"]

CHOICE = 100  # labels at most on which it is chosen how a general model is asked
EXAMPLES = 64  # at most in a prompt


@dataclass(frozen=True)
class Point:
    """One arm at one number of labels, drawn by one seed."""

    kind: Kind
    size: int
    seed: int


class Arm(Protocol):
    """Of one study; every method may be called for any of its sizes and seeds."""

    kind: Kind
    name: str

    def identity(self, size: int, seed: int) -> dict[str, Any]:
        """What its answers depend on besides the study's own identity."""
        ...

    async def answer(self, size: int, seed: int, work: Path, tell: Tell) -> tuple[Labels, dict[str, Any]]:
        """A label for each test case in order, and facts for the report. `work` is this point's own folder."""
        ...


class Classical:
    """Chooses its regularisation on the held-out labels, then learns from all labels of the point."""

    def __init__(self, study: Study, kind: Literal["majority", "classical"]) -> None:
        self.kind: Kind = kind
        self._study = study
        self.name = (Majority if kind == "majority" else TfidfLogistic).name

    def identity(self, size: int, seed: int) -> dict[str, Any]:
        subset = self._study.subset(size, seed)
        return {"arm": self.kind, "train": rows_digest(subset.train), "held_out": rows_digest(subset.held_out)}

    async def answer(self, size: int, seed: int, work: Path, tell: Tell) -> tuple[Labels, dict[str, Any]]:
        return await asyncio.to_thread(self._answer, self._study.subset(size, seed))

    def _answer(self, subset: Subset) -> tuple[Labels, dict[str, Any]]:
        facts: dict[str, Any] = {}
        if self.kind == "majority":
            baseline: Baseline = _fitted(Majority(), subset.cases, subset.choose_on)
        else:
            chosen = TfidfLogistic()
            _fitted(chosen, subset.train, subset.choose_on)
            baseline = _fitted(TfidfLogistic((chosen.strength,)), subset.cases, subset.choose_on)
            facts["strength"] = chosen.strength
        return [*most_likely(baseline.predict_proba([case.text for case in self._study.test]))], facts


class ZeroShot:
    """Asked in the way (app.inference.scoring) that decides most of the point's labels right, of at most CHOICE of them.

    The test is put to the model once for each way that is chosen at some point: no label changes what the model says.
    """

    kind: Kind = "zero-shot"

    def __init__(self, study: Study, model: ModelVersion, judge: Judge, cache: Cache) -> None:
        self.name = f"{model.name} zero-shot"
        self._study, self._model, self._judge, self._cache = study, model, judge, cache

    def identity(self, size: int, seed: int) -> dict[str, Any]:
        return self._asked() | {"rows": rows_digest(self._choice(size, seed))}

    async def answer(self, size: int, seed: int, work: Path, tell: Tell) -> tuple[Labels, dict[str, Any]]:
        cases = self._choice(size, seed)
        # Of as many as any size would use, so that the next size finds them.
        on_labels = await self._ways(self._choice(CHOICE, seed), tell)
        ways = {scoring: labels[: len(cases)] for scoring, labels in on_labels.items()}
        gold = [case.gold for case in cases]
        best = max(SCORINGS, key=lambda scoring: accuracy(gold, ways[scoring]))
        return await self._on_test(best, tell), {"scoring": best, "chosen_on": len(cases)}

    def _choice(self, size: int, seed: int) -> Sequence[Case]:
        return self._study.order(seed)[: min(size, CHOICE)]

    def _asked(self) -> dict[str, Any]:
        return {"arm": self.kind, "model": self._model.digest, **self._study.wording}

    async def _ways(self, cases: Sequence[Case], tell: Tell) -> Ways:
        """From the cache where these cases were asked before."""
        labels = self._study.labels
        identity = self._put(cases)
        record = self._cache.get(identity)
        if record is None:
            found = await self._judge.in_every_way(self._model, self._question, [case.text for case in cases], tell)
            record = Record([], 0.0, {scoring: encode(said, labels) for scoring, said in found.items()})
            self._cache.put(identity, record)
        return {scoring: decode(record.facts[scoring], labels) for scoring in SCORINGS}

    async def _on_test(self, scoring: Scoring, tell: Tell) -> Labels:
        """In one way, of which the best label alone is searched for; likewise from the cache."""
        identity = self._put(self._study.test) | {"scoring": scoring}
        record = self._cache.get(identity)
        if record is None:
            texts = [case.text for case in self._study.test]
            found = await self._judge.label(self._model, self._question, texts, scoring, tell)
            record = Record(encode(found, self._study.labels), 0.0, {})
            self._cache.put(identity, record)
        return decode(record.answers, self._study.labels)

    @property
    def _question(self) -> Question:
        return self._study.question()

    def _put(self, cases: Sequence[Case]) -> dict[str, Any]:
        """What the answers to these cases depend on."""
        labels, code = self._study.labels, self._study.identity["code"]
        return {"labels": labels, "code": code, **self._asked(), "cases": rows_digest(cases)}


class FewShot:
    """At most half of the point's labels are examples; how many, and the way of scoring, is chosen on the others. Where not one
    fits into the context it is asked as the zero-shot arm is, and has its answers."""

    kind: Kind = "few-shot"

    def __init__(self, study: Study, model: ModelVersion, judge: Judge, zero_shot: ZeroShot) -> None:
        self.name = f"{model.name} few-shot"
        self._study, self._model, self._judge, self._zero_shot = study, model, judge, zero_shot

    def identity(self, size: int, seed: int) -> dict[str, Any]:
        examples, choice = self._parts(size, seed)
        asked = {"arm": self.kind, "model": self._model.digest, **self._study.wording}
        return asked | {"examples": rows_digest(examples), "choice": rows_digest(choice), "without": ZeroShot.kind}

    async def answer(self, size: int, seed: int, work: Path, tell: Tell) -> tuple[Labels, dict[str, Any]]:
        examples, choice = self._parts(size, seed)
        fitting = await self._fitting(examples, [case.text for case in (*choice, *self._study.test)])
        if not fitting:
            labels, facts = await self._zero_shot.answer(size, seed, work, tell)
            return labels, {"shots": 0, **facts}
        reached: dict[tuple[int, Scoring], float] = {}
        for shots in sorted({shots for shots in (*SHOTS, fitting) if 0 < shots <= fitting}):
            question = self._study.question(examples[:shots])
            ways = await self._judge.in_every_way(self._model, question, [case.text for case in choice], tell)
            gold = [case.gold for case in choice]
            reached |= {(shots, scoring): accuracy(gold, labels) for scoring, labels in ways.items()}
        shots, scoring = max(reached, key=lambda way: reached[way])
        question = self._study.question(examples[:shots])
        texts = [case.text for case in self._study.test]
        labels = await self._judge.label(self._model, question, texts, scoring, tell)
        return labels, {"shots": shots, "scoring": scoring, "chosen_on": len(choice)}

    def _parts(self, size: int, seed: int) -> tuple[list[Case], list[Case]]:
        """Cases that may be shown, in order, and others to choose on."""
        cases = self._study.order(seed)[:size]
        most = min(EXAMPLES, size // 2) if self._study.shows_examples else 0
        examples = pick_examples(cases, self._study.labels, most, seed)
        shown = {case.id for case in examples}
        return examples, [case for case in cases if case.id not in shown][:CHOICE]

    async def _fitting(self, examples: Sequence[Case], texts: Sequence[str]) -> int:
        """The most examples with which the longest texts fit into the context."""
        longest = await self._judge.longest(self._model, texts)
        fits, too_many = 0, len(examples) + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if await self._judge.fits(self._model, self._study.question(examples[:middle]), longest):
                fits = middle
            else:
                too_many = middle
        return fits


def encode(labels: Labels, known: Sequence[str]) -> list[int]:
    """Each label's place among the known ones, -1 for none of them."""
    place = {label: number for number, label in enumerate(known)}
    return [place.get(label, -1) if label is not None else -1 for label in labels]


def decode(places: Sequence[int], known: Sequence[str]) -> Labels:
    return [known[place] if place >= 0 else None for place in places]


def _fitted(baseline: Baseline, learn: Sequence[Case], choose: Sequence[Case]) -> Baseline:
    held_out = [case.text for case in choose], [case.gold for case in choose]
    baseline.fit([case.text for case in learn], [case.gold for case in learn], validation=held_out)
    return baseline
