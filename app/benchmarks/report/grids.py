"""The tables of a report as plain texts, for whichever form shows them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks.report.facts import Case, Facts
from app.benchmarks.report.numbers import interval, measured, milliseconds, p_value, percent
from app.benchmarks.report.scored import FIELD_HEAD, field_cells, metrics_of, score, slice_gap, slice_metric, slice_scores
from app.benchmarks.summary import Summary

Row = Mapping[str, Any]

INVALID = "none of the labels"
KINDS = ("custom", "general", "baseline")
CONFUSIONS = 10  # mistakes of an arm that are listed, the most frequent first


@dataclass(frozen=True)
class Grid:
    """A table: its title, one sentence on what it shows, its head, its rows.

    mark: rows to stress. words: the column that holds whole texts, in a table of words; 0 for a table of numbers.
    """

    title: str
    about: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    mark: frozenset[int] = frozenset()
    words: int = 0


def shown_arms(summary: Summary) -> list[Row]:
    """At most one arm of each kind, where there is no room for all: those of the verdict, else the first of their kind."""
    verdict = summary["verdict"]
    rows: Sequence[Row] = summary["rows"]
    if verdict is None:
        names = {kind: next((row["arm"] for row in rows if row["kind"] == kind), None) for kind in KINDS}
        chosen = list(names.values())
    else:
        baseline = verdict.get("baseline")
        chosen = [verdict["custom"], verdict["general"], baseline["second"] if baseline else None]
    return [row for name in chosen for row in rows if row["arm"] == name]


def chosen_pair(summary: Summary) -> list[Row]:
    """The custom and the general arm of the verdict, or of what there is."""
    return [row for row in shown_arms(summary) if row["kind"] != "baseline"] or shown_arms(summary)


def grids(summary: Summary, facts: Facts) -> list[Grid]:
    """All that have something to show, in the order of a reader's questions."""
    pair = chosen_pair(summary)
    if metrics_of(summary):
        parts = [
            *(by_slice(summary, column) for column in columns_of(summary)),
            quality(summary),
            consistency(summary),
            latency(summary),
            *map(fields, summary["rows"]),
        ]
        return [grid for grid in parts if grid is not None]
    found = [
        general_wins(summary),
        by_label(summary),
        *(by_slice(summary, column) for column in columns_of(summary)),
        quality(summary),
        consistency(summary),
        latency(summary),
        *(per_class(row) for row in pair),
        *(confusions(summary, row) for row in pair),
        *examples(summary, facts),
    ]
    return [grid for grid in found if grid is not None]


def general_wins(summary: Summary) -> Grid | None:
    """Where the custom model should not replace the general one without a second look."""
    verdict = summary["verdict"]
    if verdict is None or metrics_of(summary):
        return None
    rows = [
        (
            one["label"],
            f"{one['n']:,}",
            f"{one['general_correct']:,} ({percent(one['general_correct'], one['n'])})",
            f"{one['custom_correct']:,} ({percent(one['custom_correct'], one['n'])})",
            p_value(one["p_value"]).removeprefix("= "),
        )
        for one in verdict["wins_general"]
    ]
    about = (
        f"Labels on whose cases {verdict['general']} was right more often than {verdict['custom']}. p: McNemar mid-p, adjusted "
        "over all labels (Holm); below .05 it is more than chance."
        if rows
        else f"On no label was {verdict['general']} right more often than {verdict['custom']} in this test. It was measured on "
        "this task alone: what the custom model forgot of other tasks, this test cannot show."
    )
    beyond = frozenset(at for at, one in enumerate(verdict["wins_general"]) if one["p_value"] < 0.05)
    return Grid("Where the general model wins", about, ("label", "cases", "general right", "custom right", "p"), rows, beyond)


def undefined(summary: Summary) -> list[str]:
    """Why a number is missing, or its bound is only the last case seen; many arms often share one reason."""
    told: dict[tuple[str, str], list[str]] = {}
    for row in summary["rows"]:
        for name, why in (row.get("reasons") or {}).items():
            told.setdefault((name, why), []).append(row["arm"])
    return [f"{_named(name)} of {', '.join(arms)}: {why}" for (name, why), arms in told.items()]


def _named(name: str) -> str:
    return {"ece": "ECE", "brier": "Brier score", "aurc": "AURC", "mcc": "MCC"}.get(name, name.replace("_", " "))


def fields(row: Row) -> Grid | None:
    """Each field of an extraction."""
    if not (lines := field_cells(row)):
        return None
    about = (
        "Exact: right, or rightly without a value. Precision: of the values given, those that are right; recall: of the values "
        "there are, those found. Invented: a value where there is none."
    )
    return Grid(f"Fields of {row['arm']}", about, FIELD_HEAD, lines)


def by_label(summary: Summary) -> Grid | None:
    if not summary["by_label"]:
        return None
    arms = [row["arm"] for row in summary["rows"]]
    rows = [
        (one["label"], f"{one['n']:,}", *(f"{one['correct'][arm]:,}" if one["n"] else "-" for arm in arms))
        for one in summary["by_label"]
    ]
    return Grid(
        "Cases answered right, by label", "How many of a label's cases each arm got right.", ("label", "cases", *arms), rows
    )


def columns_of(summary: Summary) -> list[str]:
    """By which the run was cut."""
    return list(dict.fromkeys(one["column"] for one in summary.get("slices") or ()))


def by_slice(summary: Summary, column: str) -> Grid:
    found = [one for one in summary["slices"] if one["column"] == column]
    arms = [row["arm"] for row in summary["rows"]]
    about = f"The same cases, by their value of {column}; few cases make wide intervals."
    pair = found[0].get("pair")
    if pair:
        unit = "" if metrics_of(summary) else " in points"
        about += f" Difference: {pair['first']} minus {pair['second']}{unit}; p adjusted over all slices (Holm)."
    rows = [
        (
            str(one["value"]),
            f"{one['n']:,}",
            *(score(slice_scores(one).get(arm)) for arm in arms),
            *((slice_gap(one), p_value(one["pair"]["p_value"]).removeprefix("= ")) if pair else ()),
        )
        for one in found
    ]
    title = f"{slice_metric(summary)} by {column}"
    return Grid(title[:1].upper() + title[1:], about, (column, "cases", *arms, *(("difference", "p") if pair else ())), rows)


_Writer = Callable[[Row], str]


def _of_all(title: str, about: str, summary: Summary, columns: Mapping[str, _Writer]) -> Grid | None:
    """One line per arm; a column that no arm has is left out, and so is a table without columns."""
    texts = {name: [write(row) for row in summary["rows"]] for name, write in columns.items()}
    kept = {name: cells for name, cells in texts.items() if any(cell != "-" for cell in cells)}
    if not kept:
        return None
    rows = [(row["arm"], *cells) for row, cells in zip(summary["rows"], zip(*kept.values(), strict=True), strict=True)]
    return Grid(title, about, ("arm", *kept), rows)


def quality(summary: Summary) -> Grid | None:
    n, no_labels = summary["cases"], bool(metrics_of(summary))
    about = (
        "MCC: Matthews correlation, 0 for guessing, 1 for no mistake. ECE: how far stated probabilities are from the "
        "share that was right, over ten bins of equally many cases; noise alone makes it larger than it is. Brier: their "
        "squared error. Both are best at 0. AURC: mean share of wrong answers when the surest answers are taken first. "
        "Invalid: answers that were none of the labels; they count as wrong."
    )
    return _of_all(
        "Answers that are none" if no_labels else "Quality in more detail",
        "Errors, and answers that say nothing or are no JSON object; they are worth 0." if no_labels else about,
        summary,
        {
            "weighted F1": lambda row: measured(row.get("weighted_f1")),
            "MCC": lambda row: measured(row.get("mcc")),
            "ECE": lambda row: measured(row.get("ece")),
            "Brier": lambda row: measured(row.get("brier")),
            "AURC": lambda row: measured(row.get("aurc")),
            "invalid": lambda row: f"{row['unparsed']:,} of {n:,}",
            **({} if no_labels else {"validation accuracy": lambda row: measured(row["validation_accuracy"])}),
        },
    )


def consistency(summary: Summary) -> Grid | None:
    rewordings = summary["rewordings"]

    def flips(name: str) -> _Writer:
        return lambda row: interval(row["flip_rates"].get(name))

    def always_wrong(row: Row) -> str:
        share = row["always_wrong"]["share"] if row["always_wrong"] else None
        return f"{round(share['estimate'] * share['n']):,} of {share['n']:,}" if share else "-"

    def worst(row: Row) -> str:
        return f"{row['worst_wording']['name']} {interval(row['worst_wording']['accuracy'])}" if row["worst_wording"] else "-"

    return _of_all(
        "Does it decide the same again?",
        "Same: share of cases with one and the same decision in all calls. Changed: share of cases whose decision changed with "
        "the wording. Variance: of being right, within a case, over reruns and over wordings. Always wrong: cases that no "
        "rerun and no rewording got right.",
        summary,
        {
            "same in reruns": lambda row: interval(row["rerun_consistency"]),
            "same reworded": lambda row: interval(row["rewording_consistency"]),
            **{f"changed by {name}": flips(name) for name in rewordings},
            "rerun variance": lambda row: interval((row.get("variation") or {}).get("rerun")),
            "wording variance": lambda row: interval((row.get("variation") or {}).get("wording")),
            "worst wording": worst,
            "always wrong": always_wrong,
        },
    )


def latency(summary: Summary) -> Grid | None:
    return _of_all(
        "Latency in milliseconds",
        "Of one request at a time: half of them took at most p50, 95 in 100 at most p95.",
        summary,
        {
            "p50": lambda row: milliseconds(row["latency_p50_ms"]),
            "p95": lambda row: milliseconds(row["latency_p95_ms"]),
            "p99": lambda row: milliseconds(row.get("latency_p99_ms")),
            "timed": lambda row: f"{row['latency_p50_ms']['n']:,}" if row["latency_p50_ms"] else "-",
        },
    )


def per_class(row: Row) -> Grid:
    rows = [
        (one["label"], f"{one['support']:,}", f"{one['predicted']:,}", *(_score(one, name) for name in _SCORES))
        for one in row["per_class"]
    ]
    return Grid(
        f"Labels of {row['arm']}",
        "Precision: share of its answers of this label that were right. Recall: share of the label's cases that it found. "
        '"-": never answered, or without a case.',
        ("label", "cases", "answered", *_SCORES),
        rows,
    )


_SCORES = ("precision", "recall", "f1")


def _score(one: Row, name: str) -> str:
    """With its interval, which not every stored summary has."""
    return measured(one.get(f"{name}_interval") or one[name])


def confusions(summary: Summary, row: Row) -> Grid | None:
    """The most frequent mistakes."""
    counts = row.get("confusion")
    if not counts:
        return None
    labels = summary["labels"]
    answers = [*labels, INVALID]
    mistakes = [
        (count, gold, answer)
        for at, (gold, line) in enumerate(zip(labels, counts, strict=True))
        for to, (answer, count) in enumerate(zip(answers, line, strict=True))
        if count and to != at
    ]
    total = sum(count for count, _, _ in mistakes)
    worst = sorted(mistakes, key=lambda one: (-one[0], one[1], one[2]))[:CONFUSIONS]
    return Grid(
        f"Most frequent mistakes of {row['arm']}",
        f"{total:,} of {sum(map(sum, counts)):,} cases were answered wrong; these {len(worst)} kinds are the most frequent."
        if total
        else "It made no mistake in this test.",
        ("right answer", "what it said", "cases"),
        [(gold, answer, f"{count:,}") for count, gold, answer in worst],
    )


def examples(summary: Summary, facts: Facts) -> Iterable[Grid]:
    verdict, cases = summary["verdict"], facts.cases
    if verdict is None or not (cases.fixed or cases.broken):
        return
    for title, shown, total in (
        ("Cases that the custom model fixed", cases.fixed, cases.all_fixed),
        ("Cases that the custom model broke", cases.broken, cases.all_broken),
    ):
        about = f"{len(shown):,} of {total:,}, drawn with a fixed seed." if shown else "There is none in this test."
        head = ("case", "text", "right answer", verdict["custom"], verdict["general"])
        yield Grid(title, about, head, [_case(one) for one in shown], words=1)


def _case(case: Case) -> tuple[str, ...]:
    return str(case.id), case.text, case.gold, case.custom or INVALID, case.general or INVALID
