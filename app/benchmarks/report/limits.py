"""What a run's numbers do not show, read off the numbers themselves, as sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.benchmarks.report.facts import Facts
from app.benchmarks.report.grids import chosen_pair
from app.benchmarks.report.numbers import interval, p_value, points
from app.benchmarks.summary import Summary

FEW = 30  # cases: with fewer, the 95 % interval of a share is wider than a third of the scale
SURE = 0.05  # expected calibration error above which a stated probability should not be taken at its word


def limits(summary: Summary, facts: Facts) -> list[str]:
    """The most general first."""
    return [
        "One task, one dataset, at one time: cases that differ from these (other regions, products, seasons, wordings) were "
        "not tested.",
        *_labels(summary),
        *_verdict(summary),
        *(f"{row['arm']} stopped answering: {row['failure']}" for row in summary["rows"] if row.get("failure")),
        *(sentence for row in chosen_pair(summary) for sentence in _arm(row, summary["cases"])),
        *_data(facts),
    ]


def _labels(summary: Summary) -> Iterator[str]:
    untested = [one["label"] for one in summary["by_label"] if one["n"] == 0]
    few = [f"{one['label']} ({one['n']})" for one in summary["by_label"] if 0 < one["n"] < FEW]
    if untested:
        yield f"No test case has the label {_listed(untested)}: about it nothing is known."
    if few:
        yield f"Fewer than {FEW} test cases have the label {_listed(few)}: what is said of it alone is uncertain."


def _verdict(summary: Summary) -> Iterator[str]:
    verdict = summary["verdict"]
    if verdict is None:
        yield "The run has no pair of a general and a custom arm: it compares nothing, and allows no verdict."
        return
    if needed := verdict.get("cases_still_needed"):
        yield f"About {needed:,} more test cases are needed before the two arms can be told apart."
    if worse := [one for one in verdict["wins_general"] if one["p_value"] < 0.05]:
        told = _listed([f"{one['label']} (p {p_value(one['p_value'])})" for one in worse])
        yield f"The custom arm is worse than the general one, beyond chance, on {told}."
    baseline = verdict["baseline"]
    if baseline and baseline.get("gain", baseline["difference"])["low"] <= 0:
        gap = baseline.get("words") or f"in points {points(baseline['difference'])}"
        yield (
            f"The custom arm is not shown to be better than {baseline['second']}, a baseline without a language model "
            f"(difference {gap})."
        )


def _arm(row: Mapping[str, Any], cases: int) -> Iterator[str]:
    name = row["arm"]
    if row["unparsed"]:
        none = "no valid answers" if "scores" in row else "answers that are none of the labels"
        yield f"{name} gave {row['unparsed']:,} of {cases:,} {none}; somebody must handle them."
    if (same := row["rerun_consistency"]) and same["low"] < 0.95:
        yield f"{name} decides the same case differently when sampled again: same in all reruns {interval(same)}."
    if (same := row["rewording_consistency"]) and same["low"] < 0.95:
        yield f"{name} may decide differently when the same case is worded differently: same in all wordings {interval(same)}."
    if (stuck := row["always_wrong"]) and stuck["cases"]:
        yield f"{name} gets some cases wrong every time, in every wording: {interval(stuck['share'])} of those repeated."
    if "scores" in row:
        return
    ece = row.get("ece")
    if not ece:
        why = (row.get("reasons") or {}).get("ece", "")
        yield f"Whether the stated probabilities of {name} can be trusted is not known. {why}".rstrip()
    elif ece["high"] > SURE:
        yield f"Stated probabilities of {name} may be off: expected calibration error {interval(ece)}."


def _data(facts: Facts) -> Iterator[str]:
    leakage = (facts.dataset.get("report") or {}).get("leakage")
    if facts.dataset and not leakage:
        yield "Whether test texts also stand in the training data was not scanned, or nothing of it is kept with the dataset."
    if not facts.models:
        yield "The cards of the models measured are no longer in the catalog: how they were made cannot be told here."


def _listed(words: list[str]) -> str:
    rest = f" and {len(words) - 8} more" if len(words) > 8 else ""
    return ", ".join(words[:8]) + rest
