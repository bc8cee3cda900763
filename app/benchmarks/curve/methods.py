"""Which of the training methods to use: each on all labels of a dataset, beside the general model and the baselines.

Every method is a learning curve of one size (run.py), so whatever is not of the method is measured once for all of them. The
method that is compared with the rivals is the one that does best on validation: the test decides nothing, and is asked once.
It is first trained anew on validation rows too, as long as had led to its best weights: the baseline learns from them as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.benchmarks.curve.arms import Kind, Point
from app.benchmarks.curve.cache import Record
from app.benchmarks.curve.custom import found_by
from app.benchmarks.curve.run import Curve, by_size
from app.benchmarks.curve.summary import METRICS, answers_of, difference_json, level_json, model_json
from app.training.recipe import Method

METHODS: tuple[Method, ...] = ("lora", "full", "instruct", "vocabulary", "scratch")
RIVALS: tuple[Kind, ...] = ("classical", "zero-shot", "few-shot")
LEAST_CASES = 50  # of the test; a difference of fewer says too little

Summary = dict[str, Any]


@dataclass(frozen=True)
class Refit:
    """The curve of the best method's refit, and every point of it."""

    curve: Curve
    known: Mapping[Point, Record]


def refit_of_best(curves: Sequence[Curve], known: Sequence[Mapping[Point, Record]]) -> Curve | None:
    """Of the method that does best on validation; None where no row was held out to learn from besides. `known` holds every
    point of each curve."""
    study, size = curves[0].study, curves[0].study.sizes[-1]
    if not study.subset(size, 0).held_out:
        return None
    trained = [by_size(found, "custom", size) for found in known]
    best = max(range(len(curves)), key=lambda place: _mean(trained[place], "validation_macro_f1") or 0.0)
    return curves[best].refit({seed: found_by(record, study.task) for seed, record in enumerate(trained[best])})


def build_summary(curves: Sequence[Curve], known: Sequence[Mapping[Point, Record]], refit: Refit | None = None) -> Summary:
    """`curves` differ in their method alone, and have one size; `known` holds every point of each."""
    first = curves[0]
    study, size = first.study, first.study.sizes[-1]
    others = [arm for arm in first.arms if arm.kind != "custom"]
    records: dict[str, list[Record]] = {arm.kind: by_size(known[0], arm.kind, size) for arm in others}
    records |= {curve.method: by_size(found, "custom", size) for curve, found in zip(curves, known, strict=True)}
    again = refit and f"{refit.curve.method}-refit"
    if refit and again:
        records[again] = by_size(refit.known, "custom", size)
    answers = {key: answers_of(study, found) for key, found in records.items()}
    options: dict[str, dict[str, Any]] = {curve.method: curve.options for curve in curves}
    names: dict[str, str] = {arm.kind: arm.name for arm in others}
    names |= {curve.method: curve.arms[-1].name for curve in curves}
    if refit and again:
        options[again], names[again] = refit.curve.options, refit.curve.arms[-1].name

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
                "refit": key == again,
                **{name: level_json(measure(answers[key])) for name, (measure, _) in METRICS.items()},
                "minus_classical": None if key == "classical" else difference(key, "classical"),
                "validation_macro_f1": None if key == again else _mean(found, "validation_macro_f1"),
                "training_seconds": _mean(found, "seconds"),
                "parameters": found[0].facts.get("parameters"),
                "facts": [record.facts for record in found],
                "options": options.get(key, {}),
            }
        )
    plain = [row for row in rows if row["custom"] and not row["refit"]]
    chosen = max(plain, key=lambda row: row["validation_macro_f1"])
    best = next((row for row in rows if row["refit"]), chosen)
    if best["refit"]:
        best["training_seconds"] += chosen["training_seconds"]  # which found out for how long
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
        "chosen": chosen["arm"],
        "best": best["arm"],
        "best_minus": against,
        "sentences": [_sentence(best, names[rival], against[rival], len(study.test)) for rival in RIVALS],
        "notes": [*study.notes, *_notes([row for row in rows if not row["refit"]])],
    }


def _mean(records: Sequence[Record], fact: str) -> float | None:
    """Over seeds; None where the arm has no such fact."""
    found = [record.facts.get(fact) for record in records]
    return None if None in found else float(np.mean(found))  # type: ignore[arg-type]


def _sentence(best: Mapping[str, Any], rival: str, difference: Mapping[str, Any], cases: int) -> str:
    """By macro-F1, in which a rare label counts as much as a frequent one."""
    if cases < LEAST_CASES:
        return (
            f"{best['name']} against {rival}: not enough evidence: {cases} test cases, and at least {LEAST_CASES} are needed."
        )
    found = difference["macro_f1"]
    low, high = (f"{100 * found[end]:+.1f}" for end in ("low", "high"))
    ahead = f"{100 * found['estimate']:+.1f} points of macro-F1 [95 % interval {low} to {high}]"
    if found["low"] > 0:
        verdict = "is better than"
    elif found["high"] < 0:
        verdict = "is worse than"
    else:
        verdict = "is not clearly different from"
    why = "the best on validation, then trained on all rows," if best["refit"] else "the best on validation,"
    return f"{best['name']}, {why} {verdict} {rival}: {ahead}."


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
