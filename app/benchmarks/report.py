"""The summary of a run as a terminal table, Markdown, CSV and one HTML page."""

import csv
import io
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from app.benchmarks.statistics import Interval
from app.benchmarks.summary import Summary

if TYPE_CHECKING:
    from rich.console import RenderableType


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
