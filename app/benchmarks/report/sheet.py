"""A run as CSV: one line per arm, numbers at full precision."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from app.benchmarks.report.facts import Facts
from app.benchmarks.statistics import Interval
from app.benchmarks.summary import Summary

_TEXTS = ("arm", "kind", "model", "version", "digest")
_INTERVALS = ("accuracy", "macro_f1", "rerun_consistency", "rewording_consistency", "latency_p50_ms", "latency_p95_ms")
_NUMBERS = ("unparsed", "validation_accuracy", "reruns", "tokens_per_answer", "cases_per_second", "parameters", "bytes")
_LATER = ("weighted_f1", "mcc", "ece", "brier", "aurc", "latency_p99_ms", "answer_tokens")  # not in every stored summary


def to_csv(summary: Summary, facts: Facts | None = None) -> str:
    """`facts` have no place in a table of numbers. Each interval is four columns: the number, low, high, n."""
    out = io.StringIO()
    lines = [_flat(row) for row in summary["rows"]]
    writer = csv.DictWriter(out, fieldnames=list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _flat(row: Summary) -> dict[str, Any]:
    flat: dict[str, Any] = {name: _no_formula(row[name]) for name in _TEXTS}
    for name in _INTERVALS:
        flat |= _columns(name, row[name])
    flat |= {name: row[name] for name in _NUMBERS}
    for name in _LATER:
        flat |= _columns(name, row.get(name))
    for name, measured in (row.get("scores") or {}).items():
        flat |= _columns(name, measured)
    return flat


def _columns(name: str, measured: Any) -> dict[str, Any]:
    """`measured`: an interval, a number, or None."""
    values = measured if isinstance(measured, Mapping) else {"estimate": measured}
    parts = {f"{name}_{part}": values.get(part) for part in Interval.__dataclass_fields__}
    return {name: parts.pop(f"{name}_estimate"), **parts}


def _no_formula(cell: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets a quote in front."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else cell
