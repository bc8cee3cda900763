"""The summary of a run: rows per arm, the verdict and the footnotes, as plain JSON.

The summary is what is stored; every rendering (app.benchmarks.report) starts from it, so a stored run can be shown again in
any form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.consistency import flip_rate, tara, worst_wording_accuracy
from app.benchmarks.scorers import score
from app.benchmarks.statistics import bootstrap, quantile, wilson
from app.benchmarks.verdict import decide
from app.errors import InvalidRequest

Summary = Mapping[str, Any]

_SHOWN_CASES = 20


def build_summary(
    task: str,
    labels: Sequence[str],
    arms: Sequence[ArmResult],
    *,
    latency_note: str,
    margin_points: float = 1.0,
    seed: int = 0,
    resamples: int = 2000,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Rows per arm, the verdict and the footnotes, as plain JSON.

    labels: all labels of the task. latency_note: one sentence on how latency and throughput were measured. `verdict` is None
    when the run has no general or no custom arm. Raises InvalidRequest when the arms did not answer the same cases.
    """
    if not arms:
        raise InvalidRequest("There is nothing to report: the run has no arm.")
    if len({arm.arm for arm in arms}) < len(arms):
        raise InvalidRequest("Two arms of the run have the same name; give each its own.")
    arms = [arms[0], *(aligned(arm, arms[0]) for arm in arms[1:])]
    rows = [_row(arm, labels, seed, resamples) for arm in arms]
    if len(repeats := {row["reruns"] for row in rows if row["reruns"]}) > 1:
        raise InvalidRequest(
            f"The arms were rerun {sorted(repeats)} times; agreement is comparable only over equally many reruns."
        )
    kinds = {arm.kind for arm in arms}
    verdict = decide(arms, labels, margin_points=margin_points, seed=seed) if {"general", "custom"} <= kinds else None
    summary: dict[str, Any] = {
        "task": task,
        "cases": len(arms[0].cases),
        "labels": list(labels),
        "reruns": max(repeats, default=None),
        "rewordings": sorted({name for arm in arms for name in arm.rewordings}),
        "rows": rows,
        "by_label": _by_label(arms, labels),
        "verdict": {**asdict(verdict), "cases_still_needed": verdict.cases_still_needed} if verdict else None,
        "resamples": resamples,
        "seed": seed,
    }
    return {**summary, "footnotes": [*_footnotes(summary, latency_note), *notes]}


# ---- Numbers


def _row(arm: ArmResult, labels: Sequence[str], seed: int, resamples: int) -> dict[str, Any]:
    scored = score(arm.gold, arm.predicted, labels, seed=seed, resamples=resamples)
    latencies = np.asarray([ms for ms in arm.latencies_ms if ms is not None], dtype=np.float64)
    p50, p95 = (
        asdict(bootstrap(quantile(q), latencies, seed=seed, resamples=resamples)) if len(latencies) else None
        for q in (0.5, 0.95)
    )
    return {
        "arm": arm.arm,
        "kind": arm.kind,
        "model": arm.model,
        "version": arm.version,
        "digest": arm.digest,
        "accuracy": asdict(scored.accuracy),
        "macro_f1": asdict(scored.macro_f1),
        "validation_accuracy": arm.validation_accuracy,
        "unparsed": scored.unparsed,
        **_reruns(arm),
        **_rewordings(arm),
        "always_wrong": _always_wrong(arm),
        "tokens_per_answer": sum(arm.tokens) / len(arm.tokens) if arm.tokens else None,
        "latency_p50_ms": p50,
        "latency_p95_ms": p95,
        "cases_per_second": arm.cases_per_second,
        "parameters": arm.parameters,
        "bytes": arm.bytes,
        "per_class": [asdict(one) for one in scored.per_class],
        "notes": list(arm.notes),
    }


def _reruns(arm: ArmResult) -> dict[str, Any]:
    if not arm.reruns:
        return {"reruns": None, "rerun_consistency": None}
    answers = list(arm.reruns.values())
    return {"reruns": len(answers[0]), "rerun_consistency": asdict(tara(answers))}


def _rewordings(arm: ArmResult) -> dict[str, Any]:
    if not arm.rewordings:
        return {"rewording_consistency": None, "flip_rates": {}, "worst_wording": None}
    cases = sorted(next(iter(arm.rewordings.values())))
    if any(set(answers) != set(cases) for answers in arm.rewordings.values()):
        raise InvalidRequest(f"Arm {arm.arm!r} has rewordings of different cases; finish the run so that each covers the same.")
    gold, base = dict(zip(arm.cases, arm.gold, strict=True)), dict(zip(arm.cases, arm.predicted, strict=True))
    wordings = {
        "original": [base[case] for case in cases],
        **{name: [answers[case] for case in cases] for name, answers in arm.rewordings.items()},
    }
    worst, its_accuracy = worst_wording_accuracy([gold[case] for case in cases], wordings)
    return {
        "rewording_consistency": asdict(tara(list(zip(*wordings.values(), strict=True)))),
        "flip_rates": {name: asdict(flip_rate(wordings["original"], wordings[name])) for name in arm.rewordings},
        "worst_wording": {"name": worst, "accuracy": asdict(its_accuracy)},
    }


def _always_wrong(arm: ArmResult) -> dict[str, Any] | None:
    """Cases that were repeated and wrong every time: an average would hide them."""
    answers = {case: [label] for case, label in zip(arm.cases, arm.predicted, strict=True)}
    for case, reruns in arm.reruns.items():
        answers[case].extend(reruns)
    for reworded in arm.rewordings.values():
        for case, label in reworded.items():
            answers[case].append(label)
    gold = dict(zip(arm.cases, arm.gold, strict=True))
    repeated = [case for case in arm.cases if len(answers[case]) > 1]
    wrong = [case for case in repeated if gold[case] not in answers[case]]
    return {"share": asdict(wilson(len(wrong), len(repeated))), "cases": wrong[:_SHOWN_CASES]} if repeated else None


def _by_label(arms: Sequence[ArmResult], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Per label of the task: its cases, and how many of them each arm got right."""
    table = []
    for label in labels:
        at = [index for index, gold in enumerate(arms[0].gold) if gold == label]
        table.append(
            {
                "label": label,
                "n": len(at),
                "correct": {arm.arm: sum(arm.predicted[index] == label for index in at) for arm in arms},
            }
        )
    return table


def _footnotes(summary: Summary, latency_note: str) -> list[str]:
    rows = summary["rows"]
    notes = [
        f"n = {summary['cases']:,} test cases, the same for every arm. Accuracy with its 95 % Wilson interval; macro-F1 (mean "
        f"of the labels' F1) with its 95 % interval from {summary['resamples']:,} resamples, seed {summary['seed']}."
    ]
    if measured := _sizes(rows, "rerun_consistency"):
        notes.append(
            f"Reruns: share of cases with the same decision in all {summary['reruns']} fresh sampled calls (TARa), {measured}."
        )
    if measured := _sizes(rows, "rewording_consistency"):
        wordings = ", ".join(summary["rewordings"])
        notes.append(
            f"Reworded: share of cases with the same decision in the original and every rewording ({wordings}), {measured}."
        )
    if any(row["rerun_consistency"] is None or row["rewording_consistency"] is None for row in rows):
        notes.append('"-": not measured, or not applicable to this arm.')
    notes.append(latency_note)
    if unparsed := [f"{row['arm']} {row['unparsed']:,}" for row in rows if row["unparsed"]]:
        notes.append(f"Answers that were none of the labels count as wrong: {', '.join(unparsed)} of {summary['cases']:,}.")
    if stuck := [_stuck(row) for row in rows if row["always_wrong"] and row["always_wrong"]["cases"]]:
        notes.append(f"Wrong in the original, every rerun and every rewording: {', '.join(stuck)} cases.")
    if untested := [one["label"] for one in summary["by_label"] if one["n"] == 0]:
        notes.append(f"No test case has the label {', '.join(untested)}: the test says nothing about it.")
    return notes + [f"{row['arm']}: {note}" for row in rows for note in row["notes"]]


def _stuck(row: Summary) -> str:
    share = row["always_wrong"]["share"]
    return f"{row['arm']} {share['estimate'] * share['n']:,.0f} of {share['n']:,}"


def _sizes(rows: Sequence[Summary], key: str) -> str:
    sizes = sorted({row[key]["n"] for row in rows if row[key]})
    return f"n = {' or '.join(f'{n:,}' for n in sizes)} cases" if sizes else ""
