"""Which training cases a few-shot prompt shows with a case: the same for all cases, or those most like it."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.benchmarks.definition import Examples
from app.benchmarks.runner import Case, pick_examples
from app.datasets.leakage import similarity
from app.errors import InvalidRequest

NEAR_COPY = 0.8  # Jaccard similarity of 5-character pieces, as datasets have it


class Choice(Protocol):
    """Of the cases chosen, any first K are what K examples are."""

    def for_case(self, case: Case) -> Sequence[Case]:
        """What is shown with `case`, the most there may be."""
        ...

    def longest(self, count: int) -> Sequence[Case]:
        """`count` examples that make as long a prompt as any case can get: what has to fit into a context."""
        ...


class Same:
    """The same examples with every case."""

    def __init__(self, examples: Sequence[Case]) -> None:
        self._examples = examples

    def for_case(self, case: Case) -> Sequence[Case]:
        return self._examples

    def longest(self, count: int) -> Sequence[Case]:
        return self._examples[:count]


class Similar:
    """The training texts nearest to each case by the cosine of TF-IDF over words and word pairs; the nearest first.

    Neither the case's own text nor a near copy of it is shown: that would tell the answer. Equals stand in the order of the
    dataset, so no seed is needed."""

    def __init__(self, train: Sequence[Case], most: int) -> None:
        """Raises InvalidRequest for texts without words."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._train, self._most = sorted(train, key=lambda one: one.id), most
        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        try:
            # Rows of length 1, so that a product is a cosine.
            self._known = self._vectorizer.fit_transform([one.text for one in self._train])
        except ValueError as error:
            raise InvalidRequest(
                "No training text has a word, so none is like another; choose examples in another way."
            ) from error
        self._remembered: dict[str, Sequence[Case]] = {}

    def for_case(self, case: Case) -> Sequence[Case]:
        if case.text not in self._remembered:
            self._remembered[case.text] = self._nearest(case)
        return self._remembered[case.text]

    def longest(self, count: int) -> Sequence[Case]:
        by_size = sorted(self._train, key=lambda one: -len(one.text.encode()) - len(one.gold.encode()))
        return by_size[: min(count, self._most)]

    def _nearest(self, case: Case) -> Sequence[Case]:
        cosines: Any = (self._known @ self._vectorizer.transform([case.text]).T).toarray().ravel()
        nearest: list[Case] = []
        for place in (-cosines).argsort(kind="stable"):
            one = self._train[place]
            if len(nearest) == self._most:
                break
            if one.id != case.id and one.text != case.text and similarity(one.text, case.text) < NEAR_COPY:
                nearest.append(one)
        return nearest


def at_random(train: Sequence[Case], most: int, seed: int) -> list[Case]:
    """Up to `most` of all training cases, whatever their labels; any first K are the K of the same seed."""
    known = sorted(train, key=lambda one: one.id)
    random.Random(f"random examples {seed}").shuffle(known)
    return known[:most]


def fixed(train: Sequence[Case], rows: Sequence[int]) -> list[Case]:
    """The training cases at these positions of the dataset, in this order. Raises InvalidRequest for one that is none."""
    known = {case.id: case for case in train}
    if strangers := [row for row in rows if row not in known]:
        raise InvalidRequest(
            f"Row {strangers[0]} is no training row of this version of the dataset; name others in the task's examples.rows."
        )
    return [known[row] for row in rows]


def choice_of(settings: Examples, train: Sequence[Case], labels: Sequence[str], *, most: int, seed: int) -> Choice:
    """As a task says it, `most` of them; `seed` is the run's, which counts where the task has none of its own."""
    seed = seed if settings.seed is None else settings.seed
    match settings.choose:
        case "balanced" if labels:
            return Same(pick_examples(train, labels, most, seed))
        case "balanced" | "random":  # answers that are no labels cannot be balanced
            return Same(at_random(train, most, seed))
        case "fixed":
            return Same(fixed(train, settings.rows)[:most])
        case "similar":
            return Similar(train, most)


WORDS = {
    "balanced": "one per label in turn, seed {seed}",
    "random": "at random, seed {seed}",
    "similar": "the nearest to each case by TF-IDF cosine",
    "fixed": "as the task names them",
}


def told(config: Mapping[str, Any]) -> str:
    """How a run's examples are chosen, for the note of an arm."""
    settings = Examples.model_validate(config.get("examples", {}))
    unbalanced = settings.choose == "balanced" and config.get("labels") == []
    choose = "random" if unbalanced else settings.choose
    return WORDS[choose].format(seed=config["seed"] if settings.seed is None else settings.seed)
