"""The model-risk pack: facts that are known, blanks where a person must write, limits read off the numbers."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from app.benchmarks.report import Facts, to_pack, to_pack_markdown
from app.benchmarks.report.chapters import BULLETIN, Blank, chapters
from app.benchmarks.report.limits import limits
from app.benchmarks.report.records import command
from tests.benchmarks.report.runs import LABELS, arms, make_arm, make_facts, make_summary

CHAPTERS = (
    "Purpose",
    "Ownership",
    "Data",
    "Models",
    "Validation",
    "Unfair discrimination",
    "Limits",
    "Monitoring",
    "Third parties",
    "Decisions",
    "Reproducibility",
)


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return make_summary()


def test_chapters_stand_under_the_headings_of_the_bulletin(summary: dict[str, Any]) -> None:
    text = to_pack_markdown(summary, make_facts())
    assert re.findall(r"^## \d+\. (.*)", text, flags=re.M) == list(CHAPTERS)
    assert BULLETIN in text
    for heading in (
        "General Guidelines",
        "Governance",
        "Risk Management and Internal Controls",
        "Third-Party AI Systems and Data",
    ):
        assert f"*AIS Program Guidelines: {heading}*" in text
    assert "*Regulatory Oversight and Examination Considerations*" in text
    assert "no legal advice" in text


def test_blanks_are_marked_counted_and_the_same_in_both_forms(summary: dict[str, Any]) -> None:
    facts = make_facts()
    blanks = [part for chapter in chapters(summary, facts) for part in chapter.parts if isinstance(part, Blank)]
    page, text = to_pack(summary, facts), to_pack_markdown(summary, facts)
    assert page.count("<strong>To be written:</strong>") == text.count("> **To be written:**") == len(blanks) > 8
    assert f"{len(blanks)} places are marked" in page
    assert f"{len(blanks)} places are marked" in text


def test_the_pack_traces_the_run_to_its_data_models_and_decisions(summary: dict[str, Any]) -> None:
    text = to_pack_markdown(summary, make_facts())
    for fact in ("ab" * 32, "cd" * 32, "5" * 64, "3 rows without a text were left out.", "| custom@1 |", "general@1"):
        assert fact in text
    assert "| 2026-11-03T08:00:00Z | kim | claims stands for claims@1 |" in text
    assert "| 2026-11-02 11:00 UTC | Versus, as asked | general: By cost, use the general model. |" in text
    assert "| Versus, by its rule | custom: right more often beyond chance |" in text
    assert "versus bench claims-type --models general,claims --baselines majority --limit 300 --seed 7" in text


def test_what_is_not_known_is_said_and_not_made_up(summary: dict[str, Any]) -> None:
    bare = make_summary([make_arm("general", "general", 0.5, 3, n=60)])
    bare["slices"] = []
    text = to_pack_markdown(bare, Facts(aliases=None))
    for said in (
        "The dataset of this run is no longer stored.",
        "No card of a model of this run is in the catalog.",
        "This run was not cut by any column",
        "Decisions on names could not be read",
        "allows no verdict",
    ):
        assert said in text
    assert "None" not in text
    assert to_pack(json.loads(json.dumps(bare))).count("<h2>") == len(CHAPTERS)


def test_shared_texts_of_splits_are_told(summary: dict[str, Any]) -> None:
    leakage = {
        "method": "exact",
        "similarity": 0.8,
        "pairs": [{"splits": ["train", "test"], "exact": {"train": 3, "test": 2}, "near": {}, "examples": []}],
        "complete": True,
        "dropped": {"train": 3, "validation": 0, "test": 0},
    }
    known = make_facts()
    found = replace(known, dataset={**known.dataset, "report": {"leakage": leakage}})
    text = to_pack_markdown(summary, found)
    assert "3 rows were left out of training and validation" in text
    assert "| train and test | 3 of train, 2 of test | 0 |" in text
    assert not any("was not scanned" in one for one in limits(summary, found))
    assert any("was not scanned" in one for one in limits(summary, known))


# ---- Limits


def test_labels_without_or_with_few_cases_are_limits() -> None:
    labels = (*LABELS, "flood")
    found = [replace(arm) for arm in arms(50)]
    said = " ".join(limits(make_summary(found, labels), make_facts()))
    assert "No test case has the label flood" in said
    assert "Fewer than 30 test cases have the label water damage (10), fire (10)" in said


def test_an_arm_that_wavers_is_invalid_or_unsure_of_itself_is_told(summary: dict[str, Any]) -> None:
    said = " ".join(limits(summary, make_facts()))
    unparsed = next(row for row in summary["rows"] if row["arm"] == "claims@1")["unparsed"]
    assert f"claims@1 gave {unparsed} of 360 answers that are none of the labels" in said
    assert "claims@1 decides the same case differently when sampled again" in said
    assert "Stated probabilities of claims@1 may be off" in said
    assert "not shown to be better than TF-IDF + logistic regression" in said


def test_a_custom_arm_beyond_doubt_has_no_limit_that_is_not_so() -> None:
    found = [make_arm("general", "general", 0.4, 3), make_arm("claims@1", "custom", 1.0, 5)]
    found[1] = replace(found[1], reruns={}, rewordings={})
    summary = make_summary(found)
    said = " ".join(limits(summary, make_facts()))
    assert "claims@1 gave" not in said
    assert "not shown to be better" not in said
    assert "more test cases are needed" not in said


def test_a_command_is_quoted_for_a_shell() -> None:
    config = {"models": ["a b"], "baselines": [], "few_shot": False, "seed": 0, "limit": None}
    assert command("claims; rm", config) == "versus bench 'claims; rm' --models 'a b' --baselines '' --no-few-shot --seed 0"
