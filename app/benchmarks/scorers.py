"""Accuracy and macro-F1 of predicted labels, each scored together with its uncertainty.

An answer that is none of the task's labels (None, or any other text) is a class of its own: always wrong, never dropped
from a denominator.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.benchmarks.statistics import Floats, Interval, Metric, bootstrap, wilson

Label = str | None
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class ClassScore:
    """One label: `precision` is None when it was never predicted, `recall` when no case has it, `f1` when both."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int


@dataclass(frozen=True)
class Score:
    """One arm on one set of cases. `untested`: labels of the task without a single case, so about them nothing is known."""

    accuracy: Interval
    macro_f1: Interval
    per_class: tuple[ClassScore, ...]
    unparsed: int
    untested: tuple[str, ...]


def score(
    gold: Sequence[str],
    predicted: Sequence[Label],
    labels: Sequence[str],
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Score:
    """Scores `predicted` against `gold`, case by case; `labels` are all labels of the task, also those without a case."""
    truth, answer = encode(gold, predicted, labels)
    correct = truth == answer
    classes = tuple(_class_score(index, label, truth, answer) for index, label in enumerate(labels))
    return Score(
        accuracy=wilson(int(correct.sum()), len(truth))
        if clusters is None
        else bootstrap(_share_correct, truth, answer, clusters=clusters, resamples=resamples, seed=seed),
        macro_f1=bootstrap(macro_f1_metric(len(labels)), truth, answer, clusters=clusters, resamples=resamples, seed=seed),
        per_class=classes,
        unparsed=int((answer == len(labels)).sum()),
        untested=tuple(one.label for one in classes if one.support == 0),
    )


def accuracy(gold: Sequence[str], predicted: Sequence[Label]) -> float:
    """Share of cases answered with the gold label."""
    return sum(right == answer for right, answer in zip(gold, predicted, strict=True)) / len(gold)


def macro_f1(gold: Sequence[str], predicted: Sequence[Label], labels: Sequence[str]) -> float:
    """Mean F1 over the labels that some case has or that were predicted.

    A label without a case but predicted counts with its F1 of 0: the false alarms are seen. A label that neither any case
    has nor anyone predicted has no F1 (0/0): it is left out here and named in `Score.untested`, never silently.
    """
    truth, answer = encode(gold, predicted, labels)
    return float(macro_f1_metric(len(labels))(truth, answer, np.ones((1, len(truth))))[0])


def encode(gold: Sequence[str], predicted: Sequence[Label], labels: Sequence[str]) -> tuple[Codes, Codes]:
    """Labels as numbers 0..K-1; an answer that is none of them is K."""
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold labels but {len(predicted)} predictions")
    if not gold:
        raise ValueError("there is no case to score")
    numbers: dict[Label, int] = {label: index for index, label in enumerate(labels)}
    if unknown := sorted(set(gold) - set(labels)):
        raise ValueError(f"gold labels that are no labels of the task: {', '.join(unknown[:5])}")
    return np.array([numbers[label] for label in gold]), np.array([numbers.get(label, len(labels)) for label in predicted])


def macro_f1_metric(k: int) -> Metric:
    """Macro-F1 over codes 0..k-1 as a metric for `bootstrap`, from the margins of a weighted confusion matrix."""
    eye = np.eye(k + 1)[:, :k]  # (k + 1, k): the code k of an unparsed answer is a row of zeros

    def metric(truth: Codes, answer: Codes, weights: Floats) -> Floats:
        is_gold, is_answer = eye[truth], eye[answer]  # (n, k)
        hits = weights @ (is_gold * is_answer)  # (resamples, k)
        either = weights @ (is_gold + is_answer)  # support + predicted
        f1 = 2 * hits / np.where(either == 0, 1, either)
        defined = (either > 0).sum(axis=1)
        return np.asarray(f1.sum(axis=1) / np.where(defined == 0, np.nan, defined))

    return metric


def _share_correct(truth: Codes, answer: Codes, weights: Floats) -> Floats:
    return np.asarray(weights @ (truth == answer) / weights.sum(axis=1))


def _class_score(index: int, label: str, truth: Codes, answer: Codes) -> ClassScore:
    hits = int(((truth == index) & (answer == index)).sum())
    support, predicted = int((truth == index).sum()), int((answer == index).sum())
    return ClassScore(
        label,
        precision=hits / predicted if predicted else None,
        recall=hits / support if support else None,
        f1=2 * hits / (support + predicted) if support + predicted else None,
        support=support,
        predicted=predicted,
    )
