"""The page a manager reads: the verdict first, no number without its cases, pictures that nobody needs to see to know."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from app.benchmarks.report import to_csv, to_html, to_markdown
from app.benchmarks.report.facts import Case, Cases, Facts, cut, sample, turned
from app.benchmarks.report.limits import limits
from app.benchmarks.report.page import HEADLINES
from tests.benchmarks.report.runs import arms, make_arm, make_facts, make_summary

NEWER = (
    "answer_tokens",
    "aurc",
    "brier",
    "confusion",
    "ece",
    "latency_p99_ms",
    "mcc",
    "pass_k",
    "reasons",
    "reliability",
    "risk_coverage",
    "variation",
    "weighted_f1",
)


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return make_summary()


@pytest.fixture(scope="module")
def page(summary: dict[str, Any]) -> str:
    return to_html(summary, make_facts())


class Outline(HTMLParser):
    """Titles in their order, attributes of each tag, and whether every tag that opens also closes."""

    VOID = ("meta", "path", "line", "rect", "text", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.titles.append(data)


def test_the_page_is_one_well_formed_file_that_loads_nothing(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert not {tag for tag, _ in outline.found} & {"script", "link", "img", "iframe", "object", "use", "image"}
    assert not {name for _, attributes in outline.found for name in attributes} & {"src", "href", "xlink:href", "onload"}
    assert "url(" not in page
    assert "@import" not in page


def test_a_reader_finds_the_verdict_then_the_arms_then_where_general_wins(page: str) -> None:
    order = [
        HEADLINES["custom"],
        "All arms, 360 test cases",
        "How good is each arm?",
        "Custom minus the others",
        "Where the general model wins",
        "Accuracy by state",
        "Cases that the custom model fixed",
        "Cases that the custom model broke",
        "Reliability of claims@1",
        "Risk against coverage",
        "Confusion of claims@1",
        "Quality against cost",
        "How long does an answer take?",
        "How to read this",
    ]
    places = [page.index(title) for title in order]
    assert places == sorted(places)


def test_every_picture_says_its_numbers_to_those_who_do_not_see_it(page: str, summary: dict[str, Any]) -> None:
    pictures = [attributes for tag, attributes in Outline(page).found if tag == "svg"]
    assert len(pictures) == 12
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in pictures)
    accuracy = next(row for row in summary["rows"] if row["arm"] == "claims@1")["accuracy"]["estimate"]
    assert f"claims@1: accuracy {accuracy:.3f}".replace("0.", ".") in page


def test_tables_that_scroll_can_be_reached_by_keyboard_and_have_row_heads(page: str) -> None:
    outline = Outline(page)
    scrolling = [attributes for _, attributes in outline.found if attributes.get("class") == "scroll"]
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in scrolling)
    assert len(scrolling) == sum(tag == "table" for tag, _ in outline.found)
    assert sum(attributes.get("scope") == "row" for _, attributes in outline.found) > 20


def test_the_page_knows_dark_paper_and_phone(page: str) -> None:
    for part in ("prefers-color-scheme: dark", "@media print", "width=device-width", "color-scheme: light dark"):
        assert part in page
    assert 'fill="currentColor"' in page
    assert 'fill="var(--custom)"' in page
    assert not re.search(r'fill="#0*"', page), "black text would vanish in the dark"


def test_the_same_run_gives_the_same_bytes(page: str, summary: dict[str, Any]) -> None:
    assert to_html(json.loads(json.dumps(summary)), make_facts()) == page


def test_a_summary_stored_before_a_number_existed_still_has_its_report(summary: dict[str, Any]) -> None:
    old = json.loads(json.dumps(summary))
    del old["slices"]
    for row in old["rows"]:
        for name in NEWER:
            del row[name]
        for one in row["per_class"]:
            for name in ("precision", "recall", "f1"):
                del one[f"{name}_interval"]
    page = to_html(old)
    assert HEADLINES["custom"] in page
    assert "Reliability" not in page
    assert "Confusion" not in page
    assert "How good is each arm?" in page
    assert "Cases that the custom model fixed" not in page
    assert "| claims@1 |" in to_markdown(old)
    assert to_csv(old).count("\n") == 1 + len(old["rows"])


def test_what_is_undefined_is_left_out_and_not_drawn_as_nought(summary: dict[str, Any]) -> None:
    gaps = json.loads(json.dumps(summary))
    for row in gaps["rows"]:
        row |= {"ece": None, "reliability": [], "risk_coverage": [], "reasons": {"ece": "There are fewer than 300 cases."}}
        row["latency_p50_ms"] = row["latency_p95_ms"] = row["latency_p99_ms"] = None
        row["mcc"] = None
    page, text = to_html(gaps), to_markdown(gaps)
    assert "Reliability" not in page
    assert "Risk against coverage" not in page
    assert "How long does an answer take?" not in page
    assert "tokens per answer" in page, "cost falls back to what was measured"
    assert "| ECE |" not in text
    assert "ECE of majority class, TF-IDF + logistic regression, general, general few-shot, claims@1: There are fewer" in text


def test_an_arm_that_fails_on_every_case_is_shown_as_that() -> None:
    found = arms(60)
    silent = replace(found[3], predicted=[None] * 60, reruns={}, rewordings={})
    page = to_html(make_summary([*found[:3], silent, found[4]]))
    assert "60 of 60" in page
    assert "(invalid)" in page


def test_an_arm_that_stopped_answering_is_called_failed(summary: dict[str, Any]) -> None:
    failed = json.loads(json.dumps(summary))
    failed["rows"][-1]["failure"] = "Its server was gone."
    failed["verdict"] = None
    for text in (to_html(failed), to_markdown(failed)):
        assert "claims@1 (failed)" in text
        assert "No verdict: it needs a general and a custom arm in the same run that answered; failed: claims@1." in text
    assert "claims@1 stopped answering: Its server was gone." in limits(failed, Facts())


def test_a_run_of_one_arm_alone_has_a_page_without_comparisons() -> None:
    page = to_html(make_summary([make_arm("general", "general", 0.5, 3, n=60)]))
    assert "No verdict: it needs a general and a custom arm" in page
    assert "Custom minus the others" not in page
    assert "Confusion of general" in page


def test_many_labels_are_drawn_without_numbers_and_the_largest_differences_only() -> None:
    labels = [f"label {number}" for number in range(40)]
    page = to_html(make_summary(arms(400, labels), labels))
    assert "24 of 40 labels, those with the largest differences" in page
    assert len(page) < 600_000


def test_markdown_has_the_tables_of_the_page(summary: dict[str, Any]) -> None:
    text = to_markdown(summary, make_facts())
    for title in (
        "Where the general model wins",
        "Accuracy by state",
        "Most frequent mistakes of claims@1",
        "Labels of claims@1",
    ):
        assert f"## {title}" in text
    assert "| 4 | Water came through the ceiling of the kitchen. | water damage | water damage | fire |" in text
    assert "1 of 101, drawn with a fixed seed" in text


def test_csv_has_the_newer_numbers_where_there_are_any(summary: dict[str, Any]) -> None:
    head, *_, last = to_csv(summary).splitlines()
    columns = dict(zip(head.split(","), last.split(","), strict=True))
    ece = summary["rows"][-1]["ece"]
    assert float(columns["ece"]) == ece["estimate"]
    assert (float(columns["ece_low"]), columns["ece_n"]) == (ece["low"], str(ece["n"]))
    assert float(columns["mcc"]) == summary["rows"][-1]["mcc"]["estimate"]


# ---- Cases to look at


def test_cases_that_exactly_one_arm_got_right_are_fixed_or_broken() -> None:
    custom: dict[int, tuple[str, str | None]] = {1: ("a", "a"), 2: ("a", "b"), 3: ("a", "a"), 4: ("a", None), 5: ("a", "a")}
    general: dict[int, tuple[str, str | None]] = {1: ("a", "b"), 2: ("a", "a"), 3: ("a", "a"), 4: ("a", "b"), 6: ("a", "b")}
    assert turned(custom, general) == ([1], [2])


def test_shown_cases_are_drawn_by_seed_and_not_picked() -> None:
    cases = list(range(0, 1000, 3))
    drawn = sample(cases, 5, seed=1)
    assert drawn == sample(cases, 5, seed=1) == sorted(drawn)
    assert drawn != sample(cases, 5, seed=2)
    assert sample([7], 5, seed=1) == [7]
    assert sample(cases, 0, seed=1) == []


def test_a_long_text_is_cut_at_a_word_and_a_hostile_one_stays_text(summary: dict[str, Any]) -> None:
    text = cut("word " * 400)
    assert len(text) < 710
    assert text.endswith("word ...")
    evil = Cases(broken=[Case(1, "<script>alert(1)</script>", "fire", None, "fire")], all_broken=1)
    page = to_html(summary, Facts(cases=evil))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
