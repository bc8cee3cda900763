"""One arm's row of a summary: every measure of its answers, each with its interval, or null and a sentence that says why."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.benchmarks.arms import ArmResult
from app.benchmarks.consistency import flip_rate, tara, worst_wording_accuracy
from app.benchmarks.measures.calibration import (
    FEWEST,
    Judged,
    Shares,
    calibration_measures,
    ece_interval,
    judged,
    per_token,
    reliability,
)
from app.benchmarks.measures.coverage import coverage_measures, risk_coverage
from app.benchmarks.measures.variation import pass_power, variation
from app.benchmarks.resampling import Floats, Measures, Resampled
from app.benchmarks.scorers import Codes, class_measures, confusion, encode, scored
from app.benchmarks.statistics import cases_for_quantile, mean_interval, proportion, quantile_interval
from app.errors import InvalidRequest

Row = dict[str, Any]
Clusters = Sequence[Hashable] | None

_SHOWN_CASES = 20
_P99 = 100  # timed cases below which the slowest one would pass for the 99th percentile


@dataclass(frozen=True)
class Answers:
    """An arm's answers as numbers: what is resampled, and what the row is made of."""

    arm: ArmResult
    labels: Sequence[str]
    truth: Codes
    answer: Codes
    judged: Judged | None  # None where no case has probabilities
    about_brier: str | None  # why there is none, or of what it is

    @classmethod
    def of(cls, arm: ArmResult, labels: Sequence[str]) -> "Answers":
        truth, answer = encode(arm.gold, arm.predicted, labels)
        if not any(arm.probabilities):
            return cls(arm, labels, truth, answer, None, "The arm gave no probabilities.")
        squared, why = _comparable(arm)
        said = judged(arm.gold, arm.predicted, arm.probabilities, squared)
        return cls(arm, labels, truth, answer, said if said.known.any() else None, why)

    def measures(self) -> Measures:
        parts = [class_measures(self.truth, self.answer, len(self.labels))]
        if self.judged is not None:
            parts += [calibration_measures(self.judged), coverage_measures(self.judged.confidence, self.judged.correct)]

        def measures(weights: Floats) -> dict[Hashable, Floats]:
            return {name: values for part in parts for name, values in part(weights).items()}

        return measures


def _comparable(arm: ArmResult) -> tuple[Sequence[Shares] | None, str | None]:
    """Probabilities for the Brier score, None for those as served, and a sentence where it is of others or of none.

    As served: baselines', those per token or less what the labels have without a text, and those of a model that was trained
    to say the labels, with the temperature that its validation cases gave it. Another model's whole likelihoods say most of
    all which label is short, so they are told per token.
    """
    lengths = set(arm.label_tokens.values())
    if arm.scoring != "sum" or arm.calibration_temperature is not None or len(lengths) == 1:
        return None, None
    if not lengths or not arm.label_mass:
        return [None] * len(arm.cases), (
            "The labels were compared by their whole log-likelihoods, which favours short ones, and the run does not tell the "
            "tokens of each label; run it again."
        )
    pairs = zip(arm.probabilities, arm.label_mass, strict=True)
    found = [per_token(shares, mass, arm.label_tokens) if shares and mass else None for shares, mass in pairs]
    if not any(found):
        return found, "The likelihoods of the labels are too small to be told per token."
    return found, (
        "It is of probabilities per token: the labels were compared by their whole log-likelihoods, which favours short ones."
    )


def arm_row(answers: Answers, found: Mapping[Hashable, Resampled], clusters: Clusters) -> Row:
    """`found`: what `answers.measures()` gave when resampled. `reasons`, by the number's name: why it is null, why its bound is
    the last case seen, or of what it is."""
    arm = answers.arm
    score = scored(answers.truth, answers.answer, answers.labels, found, clusters)
    reasons: dict[str, str] = {}
    if score.mcc is None:
        reasons["mcc"] = "All gold labels, or all answers, are of one class: the correlation is 0/0."
    row: Row = {
        **common_row(arm, clusters, reasons),
        "accuracy": asdict(score.accuracy),
        "macro_f1": asdict(score.macro_f1),
        "weighted_f1": asdict(score.weighted_f1),
        "mcc": asdict(score.mcc) if score.mcc else None,
        "confusion": confusion(answers.truth, answers.answer, len(answers.labels)),
        "unparsed": score.unparsed,
        **_calibration(answers, found, clusters, reasons),
        "per_class": [asdict(one) for one in score.per_class],
    }
    return row


def common_row(arm: ArmResult, clusters: Clusters, reasons: dict[str, str]) -> Row:
    """What is told of an arm whatever it is asked for; `reasons` gets why a number is null."""
    if arm.refitted:
        reasons["validation_accuracy"] = "The model has learned the validation rows (refit), so it was not asked about them."
    return {
        "arm": arm.arm,
        "kind": arm.kind,
        "model": arm.model,
        "version": arm.version,
        "digest": arm.digest,
        "validation_accuracy": arm.validation_accuracy,
        "failure": arm.failure,
        **_reruns(arm, clusters),
        **_rewordings(arm, clusters),
        **_variation(arm, clusters, reasons),
        "always_wrong": _always_wrong(arm, clusters),
        "tokens_per_answer": sum(arm.tokens) / len(arm.tokens) if arm.tokens else None,
        "answer_tokens": _mean(arm.answer_tokens, clusters),
        **_latencies(arm, clusters, reasons),
        "cases_per_second": arm.cases_per_second,
        "parameters": arm.parameters,
        "bytes": arm.bytes,
        "reasons": reasons,
        "notes": list(arm.notes),
    }


def _calibration(answers: Answers, found: Mapping[Hashable, Resampled], clusters: Clusters, reasons: dict[str, str]) -> Row:
    said, brier = answers.judged, None
    if said is None:
        reasons |= dict.fromkeys(("ece", "brier", "aurc"), "The arm gave no probabilities.")
        return {"ece": None, "brier": None, "reliability": [], "aurc": None, "risk_coverage": []}
    known = int(said.known.sum())
    if answers.about_brier:
        reasons["brier"] = answers.about_brier
    if squared := int((~np.isnan(said.squares)).sum()):
        brier = {**asdict(found["brier"].bounded(0, 2)), "n": squared}
    enough = known >= FEWEST
    if not enough:
        reasons["ece"] = f"A calibration error needs at least {FEWEST} cases with probabilities; there are {known}."
    return {
        "ece": asdict(ece_interval(said, found["ece"])) if enough else None,
        "brier": brier,
        "reliability": [asdict(one) for one in reliability(said, clusters)] if enough else [],
        "aurc": asdict(found["aurc"].bounded()),
        "risk_coverage": [asdict(one) for one in risk_coverage(said.confidence, said.correct, clusters)],
    }


def _latencies(arm: ArmResult, clusters: Clusters, reasons: dict[str, str]) -> Row:
    timed = [place for place, ms in enumerate(arm.latencies_ms) if ms is not None]
    values = [ms for ms in arm.latencies_ms if ms is not None]
    found: Row = {}
    for name, q in (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95), ("latency_p99_ms", 0.99)):
        if not timed or (q == 0.99 and len(timed) < _P99):
            found[name] = None
            reasons[name] = f"{len(timed)} cases were timed; {_P99 if q == 0.99 else 1} are needed."
            continue
        found[name] = asdict(quantile_interval(values, q, _of(clusters, timed)))
        if len(timed) < (needed := cases_for_quantile(q)):
            reasons[name] = (
                f"The upper bound is the slowest case seen: a bound of 95 % needs {needed} cases, {len(timed)} were timed."
            )
    return found


def _reruns(arm: ArmResult, clusters: Clusters) -> Row:
    if not arm.reruns:
        return {"reruns": None, "rerun_consistency": None}
    answers = list(arm.reruns.values())
    inside = _of(clusters, _places(arm, list(arm.reruns)))
    return {"reruns": len(answers[0]), "rerun_consistency": asdict(tara(answers, inside))}


def _rewordings(arm: ArmResult, clusters: Clusters) -> Row:
    if not arm.rewordings:
        return {"rewording_consistency": None, "flip_rates": {}, "worst_wording": None}
    cases, wordings = _wordings(arm)
    inside = _of(clusters, _places(arm, cases))
    gold = dict(zip(arm.cases, arm.gold, strict=True))
    worst, its_accuracy = worst_wording_accuracy([gold[case] for case in cases], wordings, inside)
    return {
        "rewording_consistency": asdict(tara(list(zip(*wordings.values(), strict=True)), inside)),
        "flip_rates": {name: asdict(flip_rate(wordings["original"], wordings[name], inside)) for name in arm.rewordings},
        "worst_wording": {"name": worst, "accuracy": asdict(its_accuracy)},
    }


def _wordings(arm: ArmResult) -> tuple[list[int], dict[str, list[str | None]]]:
    """The cases that were reworded, and their answers under the original and under each rewording."""
    cases = sorted(next(iter(arm.rewordings.values())))
    if any(set(answers) != set(cases) for answers in arm.rewordings.values()):
        raise InvalidRequest(f"Arm {arm.arm!r} has rewordings of different cases; finish the run so that each covers the same.")
    base = dict(zip(arm.cases, arm.predicted, strict=True))
    reworded = {name: [answers[case] for case in cases] for name, answers in arm.rewordings.items()}
    return cases, {"original": [base[case] for case in cases], **reworded}


def _variation(arm: ArmResult, clusters: Clusters, reasons: dict[str, str]) -> Row:
    gold = dict(zip(arm.cases, arm.gold, strict=True))
    of_case = None if clusters is None else dict(zip(arm.cases, clusters, strict=True))
    wordings: dict[int, list[str | None]] = {}
    if arm.rewordings:
        cases, by_wording = _wordings(arm)
        wordings = {case: [said[at] for said in by_wording.values()] for at, case in enumerate(cases)}
    found = asdict(variation(gold, arm.reruns, wordings, of_case))
    if None in found.values():
        reasons["variation"] = "Needs at least two cases (or clusters) with at least two answers each, rerun or reworded."
    powers = pass_power(gold, arm.reruns, of_case)
    return {"variation": found, "pass_k": [{"k": k, **asdict(interval)} for k, interval in powers]}


def _always_wrong(arm: ArmResult, clusters: Clusters) -> Row | None:
    """Cases that were repeated and wrong every time: an average would hide them."""
    answers = {case: [label] for case, label in zip(arm.cases, arm.predicted, strict=True)}
    for case, reruns in arm.reruns.items():
        answers[case].extend(reruns)
    for reworded in arm.rewordings.values():
        for case, label in reworded.items():
            answers[case].append(label)
    gold = dict(zip(arm.cases, arm.gold, strict=True))
    repeated = [case for case in arm.cases if len(answers[case]) > 1]
    if not repeated:
        return None
    stuck = [gold[case] not in answers[case] for case in repeated]
    wrong = [case for case, always in zip(repeated, stuck, strict=True) if always]
    return {"share": asdict(proportion(stuck, _of(clusters, _places(arm, repeated)))), "cases": wrong[:_SHOWN_CASES]}


def _mean(values: Sequence[float], clusters: Clusters) -> Row | None:
    if len(values) < 2 or (clusters is not None and len(set(clusters)) < 2):
        return None
    return asdict(mean_interval(values, clusters))


def _places(arm: ArmResult, cases: Sequence[int]) -> list[int]:
    at = {case: place for place, case in enumerate(arm.cases)}
    return [at[case] for case in cases]


def _of(clusters: Clusters, places: Sequence[int]) -> Clusters:
    return None if clusters is None else [clusters[place] for place in places]
