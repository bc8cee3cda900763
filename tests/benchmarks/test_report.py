"""One summary, five forms: it fits a terminal, opens in a spreadsheet, and no name in it can do harm."""

import csv
import io
import json
import random
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from app.benchmarks.arms import ArmResult
from app.benchmarks.curve.written import cell
from app.benchmarks.report import cells, headers, to_csv, to_html, to_markdown, to_table
from app.benchmarks.summary import build_summary
from app.errors import InvalidRequest

LABELS = ("auto", "fire", "theft", "water", "flood")  # no test case is flood
N = 200
NOTE = "Latency over HTTP, one request at a time on this machine."


def _arm(arm: str, kind: Any, skill: float, seed: int, **more: Any) -> ArmResult:
    draws = random.Random(seed)
    gold = [LABELS[i % 4] for i in range(N)]
    predicted = [label if draws.random() < skill else draws.choice((*LABELS, None)) for label in gold]
    return ArmResult(arm, kind, cases=range(N), gold=gold, predicted=predicted, **more)


def _model(arm: str, kind: Any, skill: float, seed: int, **more: Any) -> ArmResult:
    """With repeats on the first 50 cases: every tenth changes its mind."""
    base = _arm(arm, kind, skill, seed)
    wobbly = {i: "auto" if i % 10 == 0 else base.predicted[i] for i in range(50)}
    return replace(
        base,
        model=kind,
        version=1,
        digest="0" * 64,
        latencies_ms=[20.0 + i % 5 for i in range(N)],
        reruns={i: [base.predicted[i]] * 4 + [wobbly[i]] for i in range(50)},
        rewordings={"case": wobbly, "typos": {i: base.predicted[i] for i in range(50)}},
        tokens=[3] * N,
        cases_per_second=1234.5,
        parameters=5_123_456,
        bytes=10_246_912,
        **more,
    )


def _arms() -> list[ArmResult]:
    return [
        _arm("majority class", "baseline", 0.0, 0, validation_accuracy=0.25, parameters=4, bytes=80),
        _arm("TF-IDF + logistic regression", "baseline", 0.8, 1, validation_accuracy=0.8, latencies_ms=[0.9] * N),
        _model("general", "general", 0.5, 2, validation_accuracy=0.5),
        _model("general few-shot", "general", 0.6, 3, validation_accuracy=0.6),
        _model("claims", "custom", 0.9, 4),
    ]


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return build_summary("claims", LABELS, _arms(), latency_note=NOTE, notes=["Built-in claims."])


def _row(summary: dict[str, Any], arm: str) -> dict[str, Any]:
    return next(row for row in summary["rows"] if row["arm"] == arm)


# ---- The summary


def test_the_summary_is_plain_json_and_comes_back_the_same(summary: dict[str, Any]) -> None:
    again = json.loads(json.dumps(summary, allow_nan=False))
    for render in (to_markdown, to_csv, to_html):
        assert render(again) == render(summary)


def test_every_number_carries_its_sample_size(summary: dict[str, Any]) -> None:
    row = _row(summary, "claims")
    assert row["accuracy"]["n"] == row["macro_f1"]["n"] == row["latency_p95_ms"]["n"] == N
    assert row["rerun_consistency"]["n"] == row["rewording_consistency"]["n"] == 50
    notes = " ".join(summary["footnotes"])
    assert "n = 200 test cases" in notes
    assert "all 5 fresh sampled calls (TARa), n = 50 cases" in notes
    assert "(case, typos), n = 50 cases" in notes
    assert NOTE in summary["footnotes"]
    assert summary["footnotes"][-1] == "Built-in claims."


def test_unparsed_answers_and_untested_labels_are_said(summary: dict[str, Any]) -> None:
    unparsed = _row(summary, "general")["unparsed"]
    assert unparsed > 0
    notes = " ".join(summary["footnotes"])
    assert f"general {unparsed}" in notes
    assert "No test case has the label flood" in notes


def test_an_average_does_not_hide_a_case_that_always_fails() -> None:
    arm = _model("claims", "custom", 1.0, 0)
    stuck = replace(
        arm,
        predicted=["theft", *arm.predicted[1:]],
        reruns={i: ["theft" if i == 0 else arm.gold[i]] * 5 for i in range(50)},
        rewordings={},
    )
    row = build_summary("claims", LABELS, [stuck], latency_note=NOTE)["rows"][0]
    assert row["accuracy"]["estimate"] == 0.995
    assert row["always_wrong"]["cases"] == [0]
    assert row["always_wrong"]["share"]["n"] == 50


def test_consistency_is_matched_by_case_id(summary: dict[str, Any]) -> None:
    arm = _model("claims", "custom", 0.9, 4)
    backwards = replace(
        arm,
        reruns=dict(reversed(arm.reruns.items())),
        rewordings={name: dict(reversed(answers.items())) for name, answers in arm.rewordings.items()},
    )
    again = build_summary("claims", LABELS, [backwards], latency_note=NOTE)["rows"][0]
    for column in ("rerun_consistency", "rewording_consistency", "flip_rates", "worst_wording", "always_wrong"):
        assert again[column] == _row(summary, "claims")[column]


def test_what_cannot_be_compared_is_refused() -> None:
    claims, general = _model("claims", "custom", 0.9, 4), _model("general", "general", 0.5, 2)
    for arms, said in (
        ([], "no arm"),
        ([claims, claims], "same name"),
        ([claims, replace(general, reruns={0: ["fire", "fire"]})], "equally many reruns"),
        ([claims, replace(general, rewordings={"case": {0: "fire"}, "typos": {1: "fire"}})], "rewordings of different cases"),
        ([claims, replace(general, gold=["fire"] * N)], "different gold labels"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            build_summary("claims", LABELS, arms, latency_note=NOTE)


def test_a_run_without_a_pair_has_a_table_but_no_verdict() -> None:
    alone = build_summary("claims", LABELS, [_arm("general", "general", 0.5, 2)], latency_note=NOTE)
    assert alone["verdict"] is None
    for text in (to_markdown(alone), to_html(alone), _printed(alone, 120)):
        assert "No verdict: it needs a general and a custom arm" in " ".join(text.split())


# ---- The terminal


def _printed(summary: dict[str, Any], width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(to_table(summary))
    return out.getvalue()


def test_the_table_fits_120_columns_with_each_interval_beside_its_number(summary: dict[str, Any]) -> None:
    text = _printed(summary, 120)
    assert max(map(len, text.splitlines())) <= 120
    assert "…" not in text
    for row in summary["rows"]:
        line = next(line for line in text.splitlines() if line.startswith(row["arm"][:12]) and cells(row)[1] in line)
        assert all(cell in line for cell in cells(row)[1:])


def test_at_100_columns_the_intervals_move_below_and_nothing_is_cut(summary: dict[str, Any]) -> None:
    text = _printed(summary, 100)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    for row in summary["rows"]:
        assert all(piece in text for cell in cells(row) for piece in cell.split())


def test_the_longest_intervals_fit_too() -> None:
    perfect = [
        _model(name, kind, 1.0, 0, validation_accuracy=1.0) for name, kind in (("general few-shot", "general"), ("c", "custom"))
    ]
    text = _printed(build_summary("claims", LABELS, perfect, latency_note=NOTE), 120)
    assert "1.00 [.98-1.0] 1.00 [.98-1.0]" in text


def test_numbers_are_written_short(summary: dict[str, Any]) -> None:
    texts = dict(zip(headers(summary), cells(_row(summary, "claims")), strict=True))
    assert texts["tokens"] == "3.0"
    assert texts["p50/p95\nms"] == "22.0/24.0"
    assert texts["cases\n/s"] == "1.23K"
    assert (texts["params"], texts["size"]) == ("5.12M", "10.2 MB")


# ---- Markdown, CSV, HTML

EVIL = ('=HYPERLINK("http://x","y")', "<script>alert(1)</script>", "a | b\n| c", "[bold]x[/bold]")


@pytest.fixture(scope="module")
def hostile() -> dict[str, Any]:
    """Names chosen to run as a formula, as a script, as a table cell, as markup."""
    kinds = ("general", "custom", "baseline", "baseline")
    arms = [_arm(name, kind, 0.5, i, validation_accuracy=0.5) for i, (name, kind) in enumerate(zip(EVIL, kinds, strict=True))]
    swap = dict(zip(LABELS, (*EVIL, "flood"), strict=True))
    arms = [
        replace(arm, gold=[swap[g] for g in arm.gold], predicted=[swap[p] if p else None for p in arm.predicted], notes=EVIL)
        for arm in arms
    ]
    return build_summary("<b>claims</b>", list(swap.values()), arms, latency_note=EVIL[1])


def test_csv_has_full_numbers_and_runs_no_formula(summary: dict[str, Any], hostile: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(summary))))
    assert [row["arm"] for row in rows] == [arm.arm for arm in _arms()]
    claims = rows[-1]
    assert float(claims["accuracy_low"]) == _row(summary, "claims")["accuracy"]["low"]
    assert (claims["accuracy_n"], claims["bytes"], claims["rerun_consistency_n"]) == ("200", "10246912", "50")
    assert rows[0]["rerun_consistency"] == ""
    evil = next(csv.DictReader(io.StringIO(to_csv(hostile))))
    assert evil["arm"] == "'" + EVIL[0]
    assert all(cell[:1] not in "=+-@" for row in csv.reader(io.StringIO(to_csv(hostile))) for cell in row if cell)


def test_markdown_keeps_one_line_per_arm(summary: dict[str, Any], hostile: dict[str, Any]) -> None:
    for one in (summary, hostile):
        text = to_markdown(one)
        lines = text.splitlines()
        start = next(at for at, line in enumerate(lines) if line.startswith("|"))
        table = lines[start : lines.index("", start)]
        assert len(table) == 2 + len(one["rows"])
        assert {line.replace("\\|", "").count("|") for line in table} == {len(headers(one)) + 1}
        assert "<script" not in text
    assert "| claims | .9" in to_markdown(summary)
    assert "Rule: " in to_markdown(summary)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_loads_nothing_and_escapes_everything(hostile: dict[str, Any]) -> None:
    page = _Tags()
    page.feed(to_html(hostile))
    assert not {"script", "link", "img", "iframe", "b"} & set(page.tags)
    assert not {"src", "href", "onclick", "style"} & set(page.attributes)
    for name in EVIL:
        assert name in page.text
    assert "url(" not in to_html(hostile)
    assert "@import" not in page.text


def test_html_says_the_verdict_first(summary: dict[str, Any]) -> None:
    text = to_html(summary)
    assert text.index("Verdict: custom") < text.index("<table")
    assert text.count('class="chosen"') == 2
    assert "TF-IDF + logistic regression" in text


def test_a_terminal_shows_names_as_they_are(hostile: dict[str, Any]) -> None:
    assert "[bold]x[/bold" in _printed(hostile, 200)


def test_a_bound_below_zero_keeps_its_digits() -> None:
    assert cell({"estimate": 0.013, "low": -0.031, "high": 0.12}) == ".013 [-.03 to .12]"
    assert cell({"estimate": -0.0001, "low": 0.0, "high": 1.0}) == ".000 [.00-1.0]"
