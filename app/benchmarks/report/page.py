"""A run's report as one HTML page: nothing is loaded from elsewhere, every text is escaped, pictures are inline SVG."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from app.benchmarks.report import breakdowns, charts, curves, scored
from app.benchmarks.report.drawing import Figure
from app.benchmarks.report.facts import Facts
from app.benchmarks.report.grids import chosen_pair, columns_of, examples, general_wins, grids, shown_arms, undefined
from app.benchmarks.report.numbers import p_value, percent, points
from app.benchmarks.report.table import cells, headers, verdict_lines
from app.benchmarks.summary import Summary

if TYPE_CHECKING:
    from jinja2 import Environment

HEADLINES = {
    "custom": "Use the custom model.",
    "general": "Use the general model.",
    "cascade": "Use both: the cheaper model first, the better one where it is unsure.",
    "not enough evidence": "Not enough evidence yet.",
}


@cache
def environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("app.benchmarks", "report")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def to_html(summary: Summary, facts: Facts | None = None) -> str:
    """For a manager from the top, for a statistician to the end."""
    facts = facts or Facts()
    apart = {"Where the general model wins"}
    cases = list(examples(summary, facts))
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            summary=summary,
            source=source(facts),
            headline=HEADLINES.get(summary["verdict"]["decision"]) if summary["verdict"] else None,
            keys=key_numbers(summary),
            headers=headers(summary),
            rows=[(row, cells(row)) for row in summary["rows"]],
            wins=general_wins(summary),
            examples=cases,
            details=[grid for grid in grids(summary, facts) if grid.title not in apart | {one.title for one in cases}],
            figures=figures(summary, facts),
            undefined=undefined(summary),
            verdict_lines=verdict_lines(summary),
        )
    )


def figures(summary: Summary, facts: Facts) -> Mapping[str, Sequence[Figure]]:
    """By the question that they answer; those that have something to show."""
    if scored.metrics_of(summary):
        drawn = [scored.forest(summary), scored.difference(summary)]
        parts = [breakdowns.slices(summary, column) for column in columns_of(summary)]
        spent = [charts.latency(summary)]
        return {
            question: [one for one in figures if one is not None]
            for question, figures in {"arms": drawn, "parts": parts, "trust": [], "cost": spent, "curve": []}.items()
        }
    found: dict[str, list[Figure | None]] = {
        "arms": [charts.forest(summary), charts.difference(summary)],
        "parts": [breakdowns.labels(summary), *(breakdowns.slices(summary, column) for column in columns_of(summary))],
        "trust": [
            *map(curves.reliability, shown_arms(summary)),
            curves.risk_coverage(summary),
            *(curves.confusion(summary, row) for row in chosen_pair(summary)),
        ],
        "cost": [charts.frontier(summary), charts.latency(summary)],
        "curve": [curves.learning_curve(facts.curve)] if facts.curve else [],
    }
    return {question: [one for one in drawn if one is not None] for question, drawn in found.items()}


def source(facts: Facts) -> str:
    """Which run on which data, so that a printed page can be traced back."""
    run, dataset = facts.run, facts.dataset
    parts = [f"Run {run['id']}, {run['created_at']}"] if run else []
    if dataset:
        parts.append(f"dataset {dataset['name']}, version {dataset['version']}, SHA-256 {dataset['sha256'][:16]}")
    return "; ".join(parts)


def key_numbers(summary: Summary) -> list[dict[str, Any]]:
    """The few numbers that the decision hangs on."""
    verdict = summary["verdict"]
    if verdict is None:
        return []
    if scored.metrics_of(summary):
        return scored.key_numbers(summary)
    pair = verdict["pair"]
    return [
        {
            "kind": "custom",
            "name": f"custom, {pair['first']}",
            "number": percent(pair["first_correct"], pair["n"]),
            "detail": f"right in {pair['first_correct']:,} of {pair['n']:,} cases",
        },
        {
            "kind": "general",
            "name": f"general, {pair['second']}",
            "number": percent(pair["second_correct"], pair["n"]),
            "detail": f"right in {pair['second_correct']:,} of {pair['n']:,} cases",
        },
        {
            "kind": "",
            "name": "custom minus general",
            "number": f"{100 * pair['difference']['estimate']:+.1f} points",
            "detail": f"95 % interval {points(pair['difference']).split(' ', 1)[1]}; p {p_value(pair['p_value'])}",
        },
        {
            "kind": "",
            "name": "only one was right",
            "number": f"{pair['first_only']:,} : {pair['second_only']:,}",
            "detail": "cases that only the custom arm, and that only the general arm got right",
        },
    ]
