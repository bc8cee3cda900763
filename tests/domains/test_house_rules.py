"""Requests at a service desk: decided by their facts, both sides of each rule, nothing shared between splits."""

import re
from itertools import islice

from app.domains import house_rules
from app.domains.house_rules import SPLITS, requests, rows


def first(split: str, count: int) -> list[house_rules.Request]:
    return list(islice(requests(0, split), count))  # type: ignore[arg-type]


def test_the_first_requests_of_a_seed_are_always_the_same_and_none_comes_twice() -> None:
    assert first("test", 50) == first("test", 100)[:50]
    texts = [request.text for request in first("test", 420)]
    assert len(set(texts)) == 420
    assert texts[:50] != [text for text, _ in islice(rows(1, "test"), 50)]


def test_each_rule_is_asked_on_both_sides() -> None:
    asked = first("test", 420)
    for rule in house_rules.RULES:
        sides = [request.allowed for request in asked if request.rule == rule]
        assert 0.3 < sum(sides) / len(sides) < 0.7, rule


def test_the_label_follows_from_what_is_said() -> None:
    for split in SPLITS:
        for request in first(split, 130):
            numbers = [int(number) for number in re.findall(r"\d+", request.text)]
            if request.rule == "refund":
                assert request.allowed == (numbers[0] <= house_rules.REFUND_LIMIT)
            elif request.rule == "discount":
                assert request.allowed == (numbers[0] <= house_rules.DISCOUNT_LIMIT)
            elif request.rule == "old documents":
                assert request.allowed == (numbers[0] <= house_rules.KEPT_YEARS)
            elif request.rule == "own data":
                assert request.allowed != any(said in request.text for said in house_rules._UNCHECKED[split])


def test_no_wording_and_no_name_is_in_two_splits() -> None:
    for table in (house_rules._NAMES, house_rules._CHECKED, house_rules._UNCHECKED):
        phrases = [phrase for split in SPLITS for phrase in table[split]]
        assert len(set(phrases)) == len(phrases)
    told = {split: {re.sub(r"\d+", "0", request.text) for request in first(split, 130)} for split in SPLITS}
    assert not told["train"] & told["test"]
    assert not told["validation"] & told["test"]
