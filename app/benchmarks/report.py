"""The summary of a run, and that summary as a terminal table, Markdown, CSV and one HTML page.

    ArmResult, ... -> build_summary -> summary (plain JSON) -> to_table | to_markdown | to_csv | to_html

The summary is what is stored; every rendering starts from it, so a stored run can be shown again in any form.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from app.benchmarks.consistency import flip_rate, tara, worst_wording_accuracy
from app.benchmarks.scorers import score
from app.benchmarks.statistics import Interval, bootstrap, quantile, wilson
from app.benchmarks.verdict import ArmResult, aligned, decide
from app.errors import InvalidRequest

if TYPE_CHECKING:
    from rich.console import RenderableType

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


# ---- Words


def headers(summary: Summary) -> list[str]:
    """Column names in the order of `cells`; a line break where a narrow table may have one."""
    reruns = f"{summary['reruns']} reruns" if summary["reruns"] else "reruns"
    return [
        "arm",
        "accuracy",
        "macro-F1",
        f"same in\n{reruns}",
        "same\nreworded",
        "tokens",
        "p50/p95\nms",
        "cases\n/s",
        "params",
        "size",
    ]


def cells(row: Summary) -> list[str]:
    """One arm as short texts, in the order of `headers`."""
    p50, p95 = row["latency_p50_ms"], row["latency_p95_ms"]
    return [
        row["arm"],
        _interval(row["accuracy"]),
        _interval(row["macro_f1"]),
        _interval(row["rerun_consistency"]),
        _interval(row["rewording_consistency"]),
        _short(row["tokens_per_answer"]),
        f"{_short(p50['estimate'])}/{_short(p95['estimate'])}" if p50 and p95 else "-",
        _per_second(row["cases_per_second"]),
        _scaled(row["parameters"], ("", "K", "M", "B")),
        _scaled(row["bytes"], (" B", " kB", " MB", " GB")),
    ]


def _interval(interval: Summary | None) -> str:
    """.912 [.88-.94]"""
    if interval is None:
        return "-"
    return f"{_share(interval['estimate'], 3)} [{_share(interval['low'], 2)}-{_share(interval['high'], 2)}]"


def _share(value: float, digits: int) -> str:
    """Without the leading zero; 1 keeps the width of the others."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if text.startswith("0") else text[:-1]


def _short(value: float | None) -> str:
    """About three digits."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def _per_second(value: float | None) -> str:
    return _short(value) if value is None or value < 999.5 else _scaled(value, ("", "K", "M"))


def _scaled(value: float | None, units: Sequence[str]) -> str:
    if value is None:
        return "-"
    for unit in units[:-1]:
        if value < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}{units[-1]}"


def verdict_lines(summary: Summary) -> list[str]:
    """The verdict in words, then its numbers; one line when the run allows none."""
    verdict = summary["verdict"]
    if verdict is None:
        return ["No verdict: it needs a general and a custom arm in the same run."]
    pair, f1 = verdict["pair"], verdict["pair"]["macro_f1_difference"]
    return [
        f"Verdict: {verdict['decision']}. {verdict['sentence']}",
        f"Paired test, {pair['first']} against {pair['second']}: {pair['first_only']} cases only the first got right, "
        f"{pair['second_only']} only the second; McNemar mid-p {_p(pair['p_value'])}; macro-F1 difference "
        f"{f1['estimate']:+.3f} [{f1['low']:+.3f} to {f1['high']:+.3f}]; n = {pair['n']:,}. Cost: {verdict['cost']}.",
    ]


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("= 0.", "= .")


# ---- Forms


def to_table(summary: Summary) -> "RenderableType":
    """For 126 columns; in fewer, down to 96, the intervals move below their numbers."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, title=Text(f"{summary['task']}, n = {summary['cases']:,}"))
    for name in headers(summary):
        # Texts, not markup: a name with brackets stays as it is. Only the arm and the intervals may wrap.
        if name == "arm":
            table.add_column(name, min_width=12)
        elif name in ("accuracy", "macro-F1") or name.startswith("same"):
            table.add_column(name, min_width=9)
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in summary["rows"]:
        table.add_row(*(Text(cell) for cell in cells(row)))
    decision, *numbers = verdict_lines(summary)
    footnotes = [Text(f"{index}. {note}", style="dim") for index, note in enumerate(summary["footnotes"], start=1)]
    return Group(table, Text(), Text(decision, style="bold"), *(Text(line) for line in numbers), Text(), *footnotes)


def to_markdown(summary: Summary) -> str:
    names = headers(summary)
    lines = [f"# {_markdown(summary['task'])}", ""]
    for line in verdict_lines(summary):
        lines += [_markdown(line), ""]
    lines += [_table_line(names), "|" + " --- |" * len(names)]
    lines += [_table_line(cells(row)) for row in summary["rows"]]
    lines += ["", *(f"{index}. {_markdown(note)}" for index, note in enumerate(summary["footnotes"], start=1))]
    if summary["verdict"]:
        lines += ["", f"Rule: {_markdown(summary['verdict']['rule'])}"]
    return "\n".join(lines) + "\n"


def _table_line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(_markdown(text) for text in texts) + " |"


def _markdown(text: str) -> str:
    """Text that can neither break a table nor become HTML."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def to_csv(summary: Summary) -> str:
    """One line per arm, numbers at full precision, each interval as three columns."""
    out = io.StringIO()
    lines = [_flat(row) for row in summary["rows"]]
    writer = csv.DictWriter(out, fieldnames=list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _flat(row: Summary) -> dict[str, Any]:
    flat: dict[str, Any] = {name: _no_formula(row[name]) for name in ("arm", "kind", "model", "version", "digest")}
    for name in ("accuracy", "macro_f1", "rerun_consistency", "rewording_consistency", "latency_p50_ms", "latency_p95_ms"):
        interval = row[name] or dict.fromkeys(Interval.__dataclass_fields__)
        flat |= {name: interval["estimate"], **{f"{name}_{part}": interval[part] for part in ("low", "high", "n")}}
    others = ("unparsed", "validation_accuracy", "reruns", "tokens_per_answer", "cases_per_second", "parameters", "bytes")
    return flat | {name: row[name] for name in others}


def _no_formula(cell: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets a quote in front."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else cell


def to_html(summary: Summary) -> str:
    """One self-contained page: nothing is loaded from elsewhere, every text is escaped."""
    from jinja2 import Environment, StrictUndefined

    source = files("app.benchmarks").joinpath("report.html.jinja").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(source)
    return template.render(
        summary=summary,
        headers=headers(summary),
        rows=[(row, cells(row)) for row in summary["rows"]],
        verdict_lines=verdict_lines(summary),
    )
