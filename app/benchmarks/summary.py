"""The summary of a run: rows per arm, the verdict and the footnotes, as plain JSON.

The summary is what is stored; every rendering (app.benchmarks.report) starts from it, so a stored run can be shown again in
any form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.measures.slices import SliceScore, slice_scores
from app.benchmarks.resampling import resample
from app.benchmarks.rows import Answers, arm_row
from app.benchmarks.verdict import Question, Verdict, decide
from app.benchmarks.verdict.pairs import no_choice
from app.errors import InvalidRequest

Summary = Mapping[str, Any]


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
    when the run has no general or no custom arm, or several of a kind and nothing to choose by. Raises InvalidRequest when the
    arms did not answer the same cases.
    """
    if not arms:
        raise InvalidRequest("There is nothing to report: the run has no arm.")
    if len({arm.arm for arm in arms}) < len(arms):
        raise InvalidRequest("Two arms of the run have the same name; give each its own.")
    arms = [arms[0], *(aligned(arm, arms[0]) for arm in arms[1:])]
    clusters = clusters_of(arms)
    answers = {arm.arm: Answers.of(arm, labels) for arm in arms}
    measures = {name: one.measures() for name, one in answers.items()}
    found = resample(measures, len(arms[0].cases), clusters=clusters, resamples=resamples, seed=seed)
    rows = [arm_row(answers[arm.arm], found[arm.arm], clusters) for arm in arms]
    if len(repeats := {row["reruns"] for row in rows if row["reruns"]}) > 1:
        raise InvalidRequest(
            f"The arms were rerun {sorted(repeats)} times; agreement is comparable only over equally many reruns."
        )
    answering = [arm for arm in arms if arm.failure is None]
    kinds = {arm.kind for arm in answering}
    asked = Question(margin_points=margin_points)
    blocked = no_choice(answering, "custom") or no_choice(answering, "general")
    verdict = decide(answering, labels, asked, seed=seed) if {"general", "custom"} <= kinds and not blocked else None
    summary: dict[str, Any] = {
        "task": task,
        "cases": len(arms[0].cases),
        "labels": list(labels),
        "reruns": max(repeats, default=None),
        "rewordings": sorted({name for arm in arms for name in arm.rewordings}),
        "rows": rows,
        "by_label": _by_label(arms, labels),
        "slices": [asdict(one) for one in _slices(arms, verdict, clusters)],
        "clusters": len(set(clusters)) if clusters else None,
        "verdict": {**asdict(verdict), "cases_still_needed": verdict.cases_still_needed} if verdict else None,
        "resamples": resamples,
        "seed": seed,
    }
    return {
        **summary,
        "footnotes": [*_footnotes(summary, latency_note), *([f"No verdict. {blocked}"] if blocked else []), *notes],
    }


# ---- Numbers


def clusters_of(arms: Sequence[ArmResult]) -> Sequence[str] | None:
    """What the cases belong to; None: each is alone."""
    if different := [arm.arm for arm in arms if list(arm.clusters) != list(arms[0].clusters)]:
        raise InvalidRequest(f"{arms[0].arm!r} and {different[0]!r} tell different clusters; give each arm the same.")
    return arms[0].clusters or None


def _slices(arms: Sequence[ArmResult], verdict: Verdict | None, clusters: Sequence[str] | None) -> list[SliceScore]:
    pair = (verdict.custom, verdict.general) if verdict else None
    return slice_scores(arms[0].slices, {arm.arm: arm.correct for arm in arms}, pair=pair, clusters=clusters)


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
    notes += repeat_notes(summary)
    notes.append(latency_note)
    if unparsed := [f"{row['arm']} {row['unparsed']:,}" for row in rows if row["unparsed"]]:
        notes.append(f"Answers that were none of the labels count as wrong: {', '.join(unparsed)} of {summary['cases']:,}.")
    if stuck := [_stuck(row) for row in rows if row["always_wrong"] and row["always_wrong"]["cases"]]:
        notes.append(f"Wrong in the original, every rerun and every rewording: {', '.join(stuck)} cases.")
    if untested := [one["label"] for one in summary["by_label"] if one["n"] == 0]:
        notes.append(f"No test case has the label {', '.join(untested)}: the test says nothing about it.")
    return notes + [f"{row['arm']}: {note}" for row in rows for note in row["notes"]]


def repeat_notes(summary: Summary) -> list[str]:
    """On clusters, reruns and rewordings."""
    notes, rows = [], summary["rows"]
    if summary["clusters"]:
        notes.append(
            f"The cases come in {summary['clusters']:,} clusters, which are resampled whole; intervals count the independent "
            "cases that they are worth."
        )
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
    return notes


def _stuck(row: Summary) -> str:
    share = row["always_wrong"]["share"]
    return f"{row['arm']} {share['estimate'] * share['n']:,.0f} of {share['n']:,}"


def _sizes(rows: Sequence[Summary], key: str) -> str:
    sizes = sorted({row[key]["n"] for row in rows if row[key]})
    return f"n = {' or '.join(f'{n:,}' for n in sizes)} cases" if sizes else ""
