"""The registry of built-in domains: rows by split, and the tasks that are made of them."""

import json
import re
from collections import Counter
from itertools import islice

import pytest

from app.benchmarks.tasks import built_in
from app.domains.claims import claims
from app.domains.claims_language import SPLITS
from app.domains.claims_texts import OUTCOMES
from app.domains.registry import DOMAINS, dataset_rows
from app.errors import NotFound

OTHERS = ("claims-fields", "claims-questions", "claims-summary", "claims-notes")


def test_rows_come_split_by_split_as_many_as_were_asked_for() -> None:
    rows = list(dataset_rows("claims-type", 0, 5, 3, 4))
    assert [split for split, _, _ in rows] == ["train"] * 5 + ["validation"] * 3 + ["test"] * 4


def test_the_first_rows_of_a_split_do_not_depend_on_how_many_are_asked_for() -> None:
    few, many = list(dataset_rows("claims-decision", 3, 4, 2, 2)), list(dataset_rows("claims-decision", 3, 20, 9, 9))
    assert few == many[:4] + many[20:22] + many[29:31]


def test_types_and_decisions_are_of_the_same_claims() -> None:
    types, decisions = (list(dataset_rows(name, 0, 20, 5, 5)) for name in ("claims-type", "claims-decision"))
    assert [row[:2] for row in types] == [row[:2] for row in decisions]


def test_an_unknown_domain_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(NotFound, match=r"no built-in domain named 'weather'\. Domains: claims-decision, claims-fields"):
        dataset_rows("weather", 0, 1, 1, 1)


@pytest.mark.parametrize("name", ["claims-type", "claims-decision", "house-rules"])
def test_a_built_in_task_names_exactly_the_labels_of_its_domain(name: str) -> None:
    task = built_in()[name]
    assert task.source is not None
    assert task.dataset == name
    assert task.source.domain in DOMAINS
    counts = Counter(label for _, _, label in dataset_rows(task.source.domain, task.source.seed, 600, 300, 300))
    assert set(counts) == set(task.labels)


def test_other_questions_are_about_the_same_claims_and_their_answers_are_true_of_the_facts() -> None:
    for split in SPLITS:
        told = list(islice(claims(0, split), 30))
        rows = {name: [row[1:] for row in dataset_rows(name, 0, *(30 * (split == one) for one in SPLITS))] for name in OTHERS}
        for claim, (note, stored), (asked, answer), (_, summary), (alone, nothing) in zip(told, *rows.values(), strict=True):
            facts, text, question = claim.facts, *asked.split("\n\nQuestion: ")
            assert note == text == alone == claim.text
            amounts = {"amount": facts.amount, "deductible": facts.deductible, "limit": facts.limit}
            assert (json.loads(stored), nothing) == ({"type": facts.type, **amounts}, "")
            assert answer in {facts.type, str(facts.days_to_report), *(f"{amount:,}" for amount in amounts.values())}
            assert ("deductible" in question) <= (answer == f"{facts.deductible:,}")
            assert summary.startswith(f"{facts.type.capitalize()}, ${facts.amount:,} claimed;")
            assert OUTCOMES[claim.outcome] in summary


def test_the_money_that_a_note_is_asked_for_stands_in_it() -> None:
    for claim in islice(claims(0, "test"), 200):
        digits = re.sub(r"(\d),(\d)", r"\1\2", claim.text.lower())
        for amount in (claim.facts.amount, claim.facts.deductible, claim.facts.limit):
            assert str(amount) in digits or f"{amount / 1000:g}k" in digits, (amount, claim.text)
