"""Which of the training methods to use: each on all labels of a dataset, beside the general model and the baselines.

Every method is a learning curve of one size (run.py), so whatever is not of the method is measured once for all of them. The
method that is compared with the rivals is the one that does best on validation: the test decides nothing, and is asked once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.benchmarks.curve.arms import Kind, Point
from app.benchmarks.curve.cache import Record
from app.benchmarks.curve.run import Curve, by_size
from app.benchmarks.curve.summary import METRICS, answers_of, difference_json, level_json, model_json
from app.training.recipe import Method

METHODS: tuple[Method, ...] = ("lora", "full", "instruct", "vocabulary", "scratch")
RIVALS: tuple[Kind, ...] = ("classical", "zero-shot", "few-shot")
LEAST_CASES = 50  # of the test; a difference of fewer says too little

Summary = dict[str, Any]


def build_summary(curves: Sequence[Curve], known: Sequence[Mapping[Point, Record]]) -> Summary:
    """`curves` differ in their method alone, and have one size; `known` holds every point of each."""
    first = curves[0]
    study, size = first.study, first.study.sizes[-1]
    others = [arm for arm in first.arms if arm.kind != "custom"]
    records: dict[str, list[Record]] = {arm.kind: by_size(known[0], arm.kind, size) for arm in others}
    records |= {curve.method: by_size(found, "custom", size) for curve, found in zip(curves, known, strict=True)}
    answers = {key: answers_of(study, found) for key, found in records.items()}
    options: dict[str, dict[str, Any]] = {curve.method: curve.options for curve in curves}
    names: dict[str, str] = {arm.kind: arm.name for arm in others}
    names |= {curve.method: f"custom ({curve.method})" for curve in curves}

    def difference(one: str, other: str) -> dict[str, Any]:
        return {name: difference_json(compare(answers[one], answers[other])) for name, (_, compare) in METRICS.items()}

    rows: list[dict[str, Any]] = []
    for key, found in records.items():
        custom = key not in {arm.kind for arm in others}
        rows.append(
            {
                "arm": key,
                "name": names[key],
                "custom": custom,
                **{name: level_json(measure(answers[key])) for name, (measure, _) in METRICS.items()},
                "minus_classical": None if key == "classical" else difference(key, "classical"),
                "validation_macro_f1": _mean(found, "validation_macro_f1"),
                "training_seconds": _mean(found, "seconds"),
                "parameters": found[0].facts.get("parameters"),
                "facts": [record.facts for record in found],
                "options": options.get(key, {}),
            }
        )
    best = max((row for row in rows if row["custom"]), key=lambda row: row["validation_macro_f1"])
    against = {rival: difference(str(best["arm"]), rival) for rival in RIVALS}
    return {
        "dataset": study.dataset,
        "task": study.task,
        "labels": list(study.labels),
        "learned_from": len(study.subset(size, 0).train),
        "chosen_on": len(study.subset(size, 0).held_out),
        "test_cases": len(study.test),
        "seeds": study.seeds,
        "minutes": first.minutes,
        "base": model_json(first.base),
        "general": model_json(first.general),
        "rows": rows,
        "best": best["arm"],
        "best_minus": against,
        "sentences": [_sentence(best["name"], names[rival], against[rival], len(study.test)) for rival in RIVALS],
        "notes": [*study.notes, *_notes(rows)],
    }


def _mean(records: Sequence[Record], fact: str) -> float | None:
    """Over seeds; None where the arm has no such fact."""
    found = [record.facts.get(fact) for record in records]
    return None if None in found else float(np.mean(found))  # type: ignore[arg-type]


def _sentence(best: str, rival: str, difference: Mapping[str, Any], cases: int) -> str:
    """By macro-F1, in which a rare label counts as much as a frequent one."""
    if cases < LEAST_CASES:
        return f"{best} against {rival}: not enough evidence: {cases} test cases, and at least {LEAST_CASES} are needed."
    found = difference["macro_f1"]
    low, high = (f"{100 * found[end]:+.1f}" for end in ("low", "high"))
    ahead = f"{100 * found['estimate']:+.1f} points of macro-F1 [95 % interval {low} to {high}]"
    if found["low"] > 0:
        verdict = "is better than"
    elif found["high"] < 0:
        verdict = "is worse than"
    else:
        verdict = "is not clearly different from"
    return f"{best}, the best on validation, {verdict} {rival}: {ahead}."


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What somebody who reads the numbers has to know of how they came to be."""
    notes = []
    custom = [row for row in rows if row["custom"]]
    cut = [
        f"{row['name']} {min(facts['epochs'] for facts in row['facts']):.1f} of {row['facts'][0]['epochs_asked']:g}"
        for row in custom
        if any(facts["epochs"] < 0.95 * facts["epochs_asked"] for facts in row["facts"])
    ]
    if cut:
        notes.append(f"The minutes allowed fewer epochs than asked for: {', '.join(cut)}.")
    options = {row["name"]: ", ".join(f"{name} {value}" for name, value in row["options"].items()) for row in custom}
    if any(options.values()):
        given = "; ".join(f"{name}: {words or 'defaults'}" for name, words in options.items())
        notes.append(f"Options that were given: {given}.")
    left_out = {row["name"]: max(facts["rows_left_out"] for facts in row["facts"]) for row in custom}
    if any(left_out.values()):
        told = ", ".join(f"{name} {rows:,.0f}" for name, rows in left_out.items() if rows)
        notes.append(f"Rows longer than the model's context, which taught it nothing: {told}.")
    if any(not facts["shots"] for row in rows if row["arm"] == "few-shot" for facts in row["facts"]):
        notes.append("Not one example fitted into the context of the general model: few-shot is zero-shot.")
    return notes
