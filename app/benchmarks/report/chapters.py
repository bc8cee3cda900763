"""What a model-risk pack says, chapter by chapter, under the headings of the NAIC model bulletin on insurers' use of AI.

Source of the headings: National Association of Insurance Commissioners, "Model Bulletin: Use of Artificial Intelligence Systems
by Insurers", adopted on 4 December 2023: its guidelines for an insurer's program for AI systems, and what a regulator may ask
for. They are told by name, for states number them in their own ways. What stands under them is our own: facts that Versus
knows, blanks for what people know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks.report.facts import Facts
from app.benchmarks.report.grids import (
    Grid,
    by_label,
    by_slice,
    columns_of,
    consistency,
    general_wins,
    latency,
    quality,
    undefined,
)
from app.benchmarks.report.limits import limits
from app.benchmarks.report.numbers import interval, milliseconds
from app.benchmarks.report.records import command, settings_grid
from app.benchmarks.report.scored import metric_cells, metrics_of
from app.benchmarks.report.table import cells, headers, verdict_lines
from app.benchmarks.summary import Summary

BULLETIN = "NAIC Model Bulletin: Use of Artificial Intelligence Systems by Insurers (adopted 4 December 2023)"
GENERAL, GOVERNANCE = "AIS Program Guidelines: General Guidelines", "AIS Program Guidelines: Governance"
CONTROLS = "AIS Program Guidelines: Risk Management and Internal Controls"
THIRD_PARTIES = "AIS Program Guidelines: Third-Party AI Systems and Data"
OVERSIGHT = "Regulatory Oversight and Examination Considerations"


@dataclass(frozen=True)
class Blank:
    """What a person must write, because nothing that Versus measures tells it."""

    ask: str


@dataclass(frozen=True)
class Drawn:
    """A place for the report's pictures of this question: arms, parts, trust or cost."""

    question: str


Part = str | Grid | Blank | Drawn | tuple[str, ...]  # a paragraph, a table, a blank, pictures, a list


@dataclass(frozen=True)
class Chapter:
    """`heading`: what of the bulletin it answers to."""

    title: str
    heading: str
    parts: Sequence[Part]


def chapters(summary: Summary, facts: Facts) -> list[Chapter]:
    """In the order in which a validator reads."""
    return [
        Chapter("Purpose", GENERAL, _purpose(summary)),
        Chapter("Ownership", GOVERNANCE, _ownership()),
        Chapter("Data", CONTROLS, _data(facts)),
        Chapter("Models", CONTROLS, _models(summary, facts)),
        Chapter("Validation", CONTROLS, _validation(summary)),
        Chapter("Unfair discrimination", CONTROLS, _discrimination(summary)),
        Chapter(
            "Limits", CONTROLS, [tuple(limits(summary, facts)), Blank("Known limits beyond this list, and who accepts them.")]
        ),
        Chapter("Monitoring", CONTROLS, _monitoring(summary)),
        Chapter("Third parties", THIRD_PARTIES, _third_parties(facts)),
        Chapter("Decisions", OVERSIGHT, _decisions(summary, facts)),
        Chapter("Reproducibility", OVERSIGHT, _reproducibility(summary, facts)),
    ]


def _purpose(summary: Summary) -> list[Part]:
    arms = ", ".join(f"{row['arm']} ({row['kind']})" for row in summary["rows"])
    labels = summary["labels"]
    return [
        f"Task {summary['task']}" + (f": each text gets one of {len(labels)} labels ({', '.join(labels)})." if labels else "."),
        f"Compared on {summary['cases']:,} test cases: {arms}.",
        Blank(
            "Which business decision this supports or makes, in which line and state; who is affected; what a wrong answer "
            "does to a consumer, and how likely and how severe that is; what the model must not be used for."
        ),
    ]


def _ownership() -> list[Part]:
    return [
        Blank("Owner of the model, developer, independent validator, approver; the committee that oversees them."),
        Blank("Where a person reviews or can overrule an answer; how a consumer can object; how an error is escalated."),
    ]


def _data(facts: Facts) -> list[Part]:
    data = facts.dataset
    if not data:
        return ["The dataset of this run is no longer stored.", *_DATA_BLANKS]
    about = [
        ("name and version", f"{data['name']}, version {data['version']}"),
        ("SHA-256 over rows and splits", data["sha256"]),
        ("source", data["source"]),
        ("rows", f"{data['rows']:,}"),
        ("split", ", ".join(f"{name} {value}" for name, value in data["split"].items())),
        *((f"rows of {split}", f"{sum(labels.values()):,}") for split, labels in data["counts"].items()),
    ]
    parts: list[Part] = [facts_grid("Lineage", "The version that was tested on; it never changes.", about)]
    if data["notes"]:
        parts += ["What was dropped or changed when the data came in:", tuple(data["notes"])]
    leakage = (data["report"] or {}).get("leakage")
    if leakage:
        rows = [(" and ".join(pair["splits"]), _counts(pair["exact"]), _counts(pair["near"])) for pair in leakage["pairs"]]
        dropped = sum(leakage["dropped"].values())
        about_leaks = (
            f"Before anything was dropped; {dropped:,} rows were left out of training and validation for it. Nearly: Jaccard "
            f"similarity of at least {leakage['similarity']:g}."
        )
        parts.append(Grid("Texts that splits share", about_leaks, ("splits", "word for word", "nearly"), rows, words=1))
    return [*parts, *_DATA_BLANKS]


_DATA_BLANKS = (
    Blank("By what right the data is used; which personal or non-public information it holds, and how that is protected."),
    Blank(
        "Why this data suits the decision: period, regions, products; who labelled it and how well they agree; its known bias."
    ),
    Blank("How long data, predictions and this pack are kept."),
)


def _counts(shared: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {split}" for split, count in shared.items()) or "0"


def _models(summary: Summary, facts: Facts) -> list[Part]:
    rows = [
        (
            row["arm"],
            row["kind"],
            row["model"] or "-",
            f"{row['parameters']:,}" if row["parameters"] else "-",
            row["digest"] or "-",
        )
        for row in summary["rows"]
    ]
    parts: list[Part] = [
        Grid(
            "Inventory",
            "The digest names weights, base, tokenizer and chat template: with another it is another model.",
            ("arm", "kind", "version", "parameters", "digest"),
            rows,
            words=4,
        )
    ]
    for card in _cards(facts):
        made = [
            ("what it is", card["summary"] or "-"),
            ("method", card["method"]),
            ("made from", card["parent"] or "-"),
            ("data", ", ".join((*card["sources"], *card["datasets"])) or "-"),
            ("licence", card["licence"] or "-"),
            ("recipe digest", card["recipe_digest"] or "-"),
            ("training", f"{card['seconds']:,.0f} s" if card["seconds"] else "-"),
        ]
        parts.append(facts_grid(f"How {card['id']} was made", "From its card.", made))
    return [*parts, Blank("Why this kind of model and not a simpler one; how an answer can be explained to a consumer.")]


def _cards(facts: Facts) -> list[Mapping[str, Any]]:
    """Each once: an arm with examples is the same model again."""
    return list({card["id"]: card for card in facts.models.values()}.values())


def _validation(summary: Summary) -> list[Part]:
    arms = Grid(
        "All arms",
        f"The same {summary['cases']:,} test cases for every arm; brackets hold 95 % intervals.",
        [name.replace("\n", " ") for name in headers(summary)],
        [cells(row) for row in summary["rows"]],
    )
    found = [general_wins(summary), quality(summary), consistency(summary), latency(summary)]
    return [
        *verdict_lines(summary),
        *([f"Rule: {summary['verdict']['rule']}"] if summary["verdict"] else []),
        arms,
        Drawn("arms"),
        *(grid for grid in found if grid is not None),
        Drawn("trust"),
        "How the numbers came to be:",
        (*summary["footnotes"], *undefined(summary)),
        Blank("Validation by somebody who did not build the model: what was repeated, what was found."),
    ]


def _discrimination(summary: Summary) -> list[Part]:
    columns = columns_of(summary)
    told = (
        [by_slice(summary, column) for column in columns]
        if columns
        else ["This run was not cut by any column, so it says nothing about groups of people."]
    )
    return [
        *told,
        Blank(
            "Which protected classes and which proxies for them were examined, by whom, with which test and result; what was "
            "done about differences."
        ),
    ]


def _monitoring(summary: Summary) -> list[Part]:
    rows = []
    titles = [one["title"] for one in metrics_of(summary)] or ["accuracy", "macro-F1"]
    for row in summary["rows"]:
        if row["kind"] == "baseline":
            continue
        p95 = row["latency_p95_ms"]
        rows.append(
            (
                row["arm"],
                *(metric_cells(row) if "scores" in row else (interval(row["accuracy"]), interval(row["macro_f1"]))),
                f"{row['unparsed']:,} of {summary['cases']:,}",
                milliseconds(p95),
            )
        )
    return [
        Grid(
            "Numbers to hold later measurements against",
            "As validated. Measured again on new cases, a number outside of its interval here calls for a review.",
            ("arm", *titles, "invalid", "p95 ms"),
            rows,
        ),
        *([labels] if (labels := by_label(summary)) else []),
        "A shift in how often each label is answered, or more invalid answers, show before new cases have their labels.",
        Blank("Who measures how often, on which new cases; at which number the model is taken back, and to which version."),
    ]


def _third_parties(facts: Facts) -> list[Part]:
    rows = [(card["parent"] or card["id"], card["licence"] or "-", ", ".join(card["sources"]) or "-") for card in _cards(facts)]
    told: list[Part] = (
        [Grid("Bases, licences and sources", "From the cards.", ("model", "licence", "data it comes from"), rows, words=2)]
        if rows
        else ["No card of a model of this run is in the catalog."]
    )
    return [
        *told,
        Blank("Due diligence on each provider of a model or of data; rights to audit; duty to cooperate with regulators."),
    ]


def _decisions(summary: Summary, facts: Facts) -> list[Part]:
    verdict = summary["verdict"]
    rows = (
        [(facts.run.get("updated_at", "-"), "Versus, by its rule", f"{verdict['decision']}: {verdict['reason']}")]
        if verdict
        else []
    )
    rows += [(one["created_at"], "Versus, as asked", f"{one['decision']}: {one['sentence']}") for one in facts.verdicts]
    for one in facts.aliases or ():
        what = {"set": "stands for", "rollback": "went back to", "remove": "no longer stands for"}[one["action"]]
        target = one["target"] if one["action"] != "remove" else one["before"]
        rows.append((one["at"], one["by"], f"{one['name']} {what} {target}"))
    parts: list[Part] = [
        Grid(
            "Log",
            "Verdicts on this run, and every decision on which version a name stands for.",
            ("when", "who", "what"),
            rows,
            words=2,
        )
    ]
    if facts.aliases is None:
        parts.append("Decisions on names could not be read when this was written.")
    return [*parts, Blank("Approval for use: by whom, on which date, under which conditions, until when.")]


def _reproducibility(summary: Summary, facts: Facts) -> list[Part]:
    from app import __version__

    return [
        f"Seed {summary['seed']}; {summary['resamples']:,} bootstrap resamples. This pack was written by Versus {__version__}.",
        *([command(summary["task"], facts.run["config"])] if facts.run else []),
        *([settings_grid(facts.run["config"])] if facts.run else []),
        "Every answer is stored with its case, condition, seed and model digest, and can be read from the service "
        + (f"(GET /v1/runs/{facts.run['id']}/predictions)." if facts.run else "while the run is kept."),
    ]


def facts_grid(title: str, about: str, rows: Sequence[tuple[str, Any]]) -> Grid:
    """Names and what they are."""
    return Grid(title, about, ("", ""), [(name, str(value)) for name, value in rows], words=1)
