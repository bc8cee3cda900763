"""A temperature by which label log-likelihoods are divided, so that a probability is how often the label is right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

FEWEST = 20  # cases; from fewer a temperature is a guess
LOWEST, HIGHEST = 0.1, 10.0  # few cases that are all right would be fitted best by certainty itself
FOLDS = 5
BINS = 15  # of equal width, as in Guo et al.


@dataclass(frozen=True)
class Calibration:
    """`temperature` fitted on all cases; expected calibration error, 0 to 1, as the scores are and with a temperature that was
    fitted without the cases it is measured on."""

    temperature: float
    ece: float
    ece_tempered: float


def calibrate(scores: Sequence[Tensor], gold: Sequence[int]) -> Calibration:
    """Temperature scaling (C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017): the one number that makes
    `gold` likeliest; it never changes which label is first.

    `scores` are log-likelihoods [labels] of each case, `gold` the place of its label. The temperature stays 1 where cases are
    fewer than FEWEST, or where one fitted on four fifths of them does not make the other fifth likelier.
    """
    table, right = torch.stack(list(scores)).double(), torch.tensor(gold)
    before = expected_calibration_error(table, right)
    plain = Calibration(1.0, before, before)
    if len(gold) < FEWEST:
        return plain
    tempered = torch.empty_like(table)
    for fold in range(FOLDS):
        held = torch.arange(len(gold)) % FOLDS == fold
        tempered[held] = table[held] / _fit(table[~held], right[~held])
    if _loss(tempered, right) >= _loss(table, right):
        return plain
    return Calibration(round(_fit(table, right), 4), before, expected_calibration_error(tempered, right))


def expected_calibration_error(scores: Tensor, gold: Tensor) -> float:
    """Mean distance, over BINS of the first label's probability, between that probability and the share of right answers."""
    confidence, first = scores.softmax(-1).max(-1)
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    gaps = (first == gold).double() - confidence
    sums = torch.zeros(BINS, dtype=gaps.dtype).index_add(0, bins, gaps)
    return float(sums.abs().sum() / len(gold))


def _fit(scores: Tensor, gold: Tensor) -> float:
    found = minimize_scalar(
        lambda log: _loss(scores / math.exp(log), gold), bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded"
    )
    return math.exp(found.x)


def _loss(scores: Tensor, gold: Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(scores, gold))
