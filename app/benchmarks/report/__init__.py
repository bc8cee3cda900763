"""A run's report in every form: terminal table, Markdown, CSV, one HTML page, model-risk pack; all from the stored summary."""

from app.benchmarks.report.facts import Facts
from app.benchmarks.report.markdown import to_markdown
from app.benchmarks.report.pack import to_pack, to_pack_markdown
from app.benchmarks.report.page import to_html
from app.benchmarks.report.sheet import to_csv
from app.benchmarks.report.table import cells, headers, to_table, verdict_lines

__all__ = [
    "Facts",
    "cells",
    "headers",
    "to_csv",
    "to_html",
    "to_markdown",
    "to_pack",
    "to_pack_markdown",
    "to_table",
    "verdict_lines",
]
