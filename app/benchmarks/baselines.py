"""Classical baselines that every language model must be measured against: the most frequent label, and TF-IDF with
logistic regression.

Both learn from the training split, choose on the validation split and never see the test split.
"""

import pickle
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from app.benchmarks.scorers import accuracy, macro_f1
from app.errors import Unprocessable

Split = tuple[Sequence[str], Sequence[str]]  # texts, labels

_LARGE = 1000  # training texts from which a term must occur in two of them: halves the terms, costs no accuracy


class Fitted(Protocol):
    """What a report tells of a baseline of any kind."""

    validation_accuracy: float  # or the main metric there, of kinds without labels
    parameters: int  # learned numbers
    bytes: int  # of what would be stored to answer tomorrow


class Baseline(Fitted, Protocol):
    """A classifier that learns in seconds. Everything but `name` is known after `fit`."""

    name: str
    fit_seconds: float  # the choice on validation included

    def fit(self, texts: Sequence[str], labels: Sequence[str], *, validation: Split) -> None: ...

    def predict_proba(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """One probability per label of the training split, for each text."""
        ...


def most_likely(probabilities: Sequence[dict[str, float]]) -> list[str]:
    """The label with the highest probability, per case; the first of equals."""
    return [max(one, key=one.__getitem__) for one in probabilities]


class Majority:
    """Always the most frequent training label: what a number must beat before it means anything."""

    name = "majority class"

    def fit(self, texts: Sequence[str], labels: Sequence[str], *, validation: Split) -> None:
        started = time.perf_counter()
        counts = Counter(labels)
        # Most frequent first, then by name: the answer does not depend on the order of the rows.
        self._frequency = {label: counts[label] / len(labels) for label in sorted(counts, key=lambda one: (-counts[one], one))}
        self.validation_accuracy = accuracy(validation[1], most_likely(self.predict_proba(validation[0])))
        self.parameters = len(counts)
        self.bytes = len(pickle.dumps(self._frequency))
        self.fit_seconds = time.perf_counter() - started

    def predict_proba(self, texts: Sequence[str]) -> list[dict[str, float]]:
        return [self._frequency for _ in texts]


class TfidfLogistic:
    """Words and word pairs, and pieces of words of 2 to 5 letters (they see through typos), weighed by logistic regression.

    The strength of regularisation is chosen by macro-F1 on the validation split. Deterministic.
    """

    name = "TF-IDF + logistic regression"

    def __init__(self, strengths: Sequence[float] = (1, 4, 16, 64)) -> None:
        self.strengths = strengths  # inverse regularisation C, weakest fit first

    def fit(self, texts: Sequence[str], labels: Sequence[str], *, validation: Split) -> None:
        """Raises Unprocessable for one class, no words, or an empty validation split."""
        if len(set(labels)) < 2:
            raise Unprocessable("Every training row has the same label; a classifier needs at least two.")
        if not validation[0]:
            raise Unprocessable("The validation split is empty; the baseline chooses its regularisation on it.")
        started = time.perf_counter()
        self._vectorizer = _vectorizer(2 if len(texts) >= _LARGE else 1)
        try:
            features = self._vectorizer.fit_transform(texts)
        except ValueError as error:  # scikit-learn's "empty vocabulary"
            raise Unprocessable("The training texts hold no words to learn from; check the text column.") from error
        self._choose(features, labels, self._vectorizer.transform(validation[0]), validation[1])
        self.parameters = int(self._weights.size + self._intercept.size)
        self.bytes = len(pickle.dumps((self._vectorizer, self._weights, self._intercept, self._labels)))
        self.fit_seconds = time.perf_counter() - started

    def _choose(self, features: Any, labels: Sequence[str], held_out: Any, truth: Sequence[str]) -> None:
        """Fits from strong to weak regularisation, each from where the last one ended, until validation stops improving."""
        from sklearn.linear_model import LogisticRegression

        every_label = sorted({*labels, *truth})
        model = LogisticRegression(max_iter=2000, warm_start=True)
        best = -1.0
        for strength in self.strengths:
            model.set_params(C=strength).fit(features, labels)
            predicted = list(model.predict(held_out))
            reached = macro_f1(truth, predicted, every_label)
            if reached <= best:
                break
            best, self.strength, self.validation_accuracy = reached, strength, accuracy(truth, predicted)
            self._labels = [str(label) for label in model.classes_]
            # One row per feature: the product with a single text then reads only its rows.
            self._weights, self._intercept = np.ascontiguousarray(model.coef_.T), model.intercept_.copy()

    def predict_proba(self, texts: Sequence[str]) -> list[dict[str, float]]:
        if not texts:
            return []
        scores = self._vectorizer.transform(texts) @ self._weights + self._intercept
        if scores.shape[1] == 1:  # two labels are told apart by one row of weights
            scores = np.hstack([np.zeros_like(scores), scores])
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = (odds / odds.sum(axis=1, keepdims=True)).tolist()
        return [dict(zip(self._labels, row, strict=True)) for row in shares]


def _vectorizer(least: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    common: dict[str, Any] = {"sublinear_tf": True, "min_df": least, "dtype": np.float32}
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **common)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common)
    return FeatureUnion([("words", words), ("pieces", pieces)])
