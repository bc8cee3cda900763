"""Accuracy, F1 and Matthews' correlation of predicted labels, each scored together with its uncertainty.

An answer that is none of the task's labels (None, or any other text) is a class of its own: always wrong, never dropped
from a denominator.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.benchmarks.resampling import Floats, Interval, Measures, Metric, Resampled, resample, totals
from app.benchmarks.statistics import proportion

Label = str | None
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class ClassScore:
    """One label: `precision` is None when it was never predicted, `recall` when no case has it, `f1` when both.

    The intervals: Wilson for the first two (of `predicted` and of `support` cases), bootstrap for the last.
    """

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int
    precision_interval: Interval | None
    recall_interval: Interval | None
    f1_interval: Interval | None


@dataclass(frozen=True)
class Score:
    """One arm on one set of cases. `untested`: labels of the task without a single case, so about them nothing is known.

    `mcc` is None where all gold labels, or all answers, are of one class.
    """

    accuracy: Interval
    macro_f1: Interval
    weighted_f1: Interval
    mcc: Interval | None
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
    measures = {"": class_measures(truth, answer, len(labels))}
    found = resample(measures, len(truth), clusters=clusters, resamples=resamples, seed=seed)[""]
    return scored(truth, answer, labels, found, clusters)


def class_measures(truth: Codes, answer: Codes, k: int) -> Measures:
    """What `scored` needs resampled: macro_f1, weighted_f1, mcc, and ("f1", code) of each label."""

    def measures(weights: Floats) -> dict[Hashable, Floats]:
        of = class_totals(truth, answer, weights, k)
        f1 = f1_of(of)
        found: dict[Hashable, Floats] = {("f1", code): f1[:, code] for code in range(k)}
        return found | {"macro_f1": macro_of(f1), "weighted_f1": weighted_of(f1, of), "mcc": mcc_of(of)}

    return measures


def scored(
    truth: Codes,
    answer: Codes,
    labels: Sequence[str],
    found: Mapping[Hashable, Resampled],
    clusters: Sequence[Hashable] | None = None,
) -> Score:
    """Puts together what `class_measures` found by resampling and what has an interval in closed form."""
    correct = truth == answer
    classes = tuple(
        _class_score(code, label, truth, answer, found[("f1", code)], clusters) for code, label in enumerate(labels)
    )
    mcc = found["mcc"]
    return Score(
        accuracy=proportion(correct.tolist(), clusters),
        macro_f1=found["macro_f1"].bounded(),
        weighted_f1=found["weighted_f1"].bounded(),
        mcc=None if math.isnan(mcc.estimate) else mcc.bounded(-1, 1),
        per_class=classes,
        unparsed=int((answer == len(labels)).sum()),
        untested=tuple(one.label for one in classes if one.support == 0),
    )


def confusion(truth: Codes, answer: Codes, k: int) -> list[list[int]]:
    """Cases by gold label (row) and answer (column); the last column is of answers that are none of the labels."""
    return np.bincount(truth * (k + 1) + answer, minlength=k * (k + 1)).reshape(k, k + 1).tolist()


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
    """Macro-F1 over codes 0..k-1 as a metric for `bootstrap`."""

    def metric(truth: Codes, answer: Codes, weights: Floats) -> Floats:
        return macro_of(f1_of(class_totals(truth, answer, weights, k)))

    return metric


@dataclass(frozen=True)
class ClassTotals:
    """Per resample and label, (resamples, k): cases of the label answered so, cases that have it, answers that are it."""

    hits: Floats
    support: Floats
    predicted: Floats
    cases: Floats  # (resamples, 1)


def class_totals(truth: Codes, answer: Codes, weights: Floats, k: int) -> ClassTotals:
    """The margins of a weighted confusion matrix; an answer k (none of the labels) is nobody's hit."""
    hits = totals(weights, np.where(truth == answer, truth, k), k)
    return ClassTotals(hits, totals(weights, truth, k), totals(weights, answer, k), weights.sum(axis=1, keepdims=True))


def f1_of(of: ClassTotals) -> Floats:
    """(resamples, k): F1 per label; nan where no case has the label and no answer is it."""
    either = of.support + of.predicted
    return np.asarray(np.where(either > 0, 2 * of.hits / np.where(either > 0, either, 1), np.nan))


def macro_of(f1: Floats) -> Floats:
    """Mean over the labels that have an F1; nan where none has."""
    defined = ~np.isnan(f1)
    count = defined.sum(axis=1)
    return np.asarray(np.where(defined, f1, 0).sum(axis=1) / np.where(count > 0, count, np.nan))


def weighted_of(f1: Floats, of: ClassTotals) -> Floats:
    """F1 averaged with each label's number of cases for its weight."""
    return np.asarray((np.where(np.isnan(f1), 0, f1) * of.support).sum(axis=1) / of.support.sum(axis=1))


def mcc_of(of: ClassTotals) -> Floats:
    """Matthews' correlation for several classes (Gorodkin 2004, Comput. Biol. Chem. 28:367), -1 to 1; an answer that is none
    of the labels is a class of its own. nan where the gold labels or the answers are all one class."""
    n = of.cases[:, 0]
    invalid = n - of.predicted.sum(axis=1)
    expected = (of.support * of.predicted).sum(axis=1)
    answers = n**2 - (of.predicted**2).sum(axis=1) - invalid**2
    gold = n**2 - (of.support**2).sum(axis=1)
    scale = np.sqrt(answers * gold)
    return np.asarray((n * of.hits.sum(axis=1) - expected) / np.where(scale > 0, scale, np.nan))


def _class_score(
    code: int,
    label: str,
    truth: Codes,
    answer: Codes,
    f1: Resampled,
    clusters: Sequence[Hashable] | None,
) -> ClassScore:
    is_gold, is_answer = truth == code, answer == code
    support, predicted = int(is_gold.sum()), int(is_answer.sum())
    precision, recall = _share(is_gold, is_answer, clusters), _share(is_answer, is_gold, clusters)
    interval = f1.bounded() if support + predicted else None
    return ClassScore(
        label,
        precision=precision.estimate if precision else None,
        recall=recall.estimate if recall else None,
        f1=interval.estimate if interval else None,
        support=support,
        predicted=predicted,
        precision_interval=precision,
        recall_interval=recall,
        # Only these cases say anything about the label.
        f1_interval=replace(interval, n=int((is_gold | is_answer).sum())) if interval else None,
    )


def _share(what: NDArray[np.bool_], of: NDArray[np.bool_], clusters: Sequence[Hashable] | None) -> Interval | None:
    """Among the cases `of`, those that are `what`; None where there is no such case."""
    if not of.any():
        return None
    inside = None if clusters is None else [cluster for cluster, here in zip(clusters, of, strict=True) if here]
    return proportion(what[of].tolist(), inside)
