"""Insurance claims: the policy rule by rule, facts that match their texts, and a test split that training has never met."""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from importlib.resources import files
from itertools import combinations, islice, product

import pytest

from app.benchmarks.baselines import TfidfLogistic, most_likely
from app.benchmarks.scorers import accuracy
from app.domains import claims_causes, claims_phrases, claims_stories
from app.domains.claims import Claim, claims
from app.domains.claims_facts import CIRCUMSTANCES, combinations_of, outcome_of
from app.domains.claims_language import SPLITS, Pool, Split
from app.domains.claims_rules import (
    AUTHORITY,
    DECLINES,
    NOTICE_DAYS,
    OUTCOMES,
    REFERS,
    TYPES,
    ClaimType,
    Facts,
    decide,
    waiting_days,
)

LOSS = date(2024, 5, 10)
PLAIN = Facts(type="theft", incepted=date(2020, 1, 1), occurred=LOSS, reported=LOSS, amount=3_000, deductible=500, limit=10_000)


@pytest.fixture(scope="module")
def made() -> dict[Split, list[Claim]]:
    return {
        split: list(islice(claims(0, split), count)) for split, count in (("train", 3000), ("validation", 600), ("test", 1000))
    }


def days(count: int) -> timedelta:
    return timedelta(count)


# ---- The policy


def test_a_plain_claim_is_approved_and_no_rule_speaks_against_it() -> None:
    assert decide(PLAIN) == decide(replace(PLAIN, reported=LOSS + days(3)))
    assert (decide(PLAIN).outcome, decide(PLAIN).rules) == ("approve", ())


@pytest.mark.parametrize(
    ("change", "rule", "outcome"),
    [
        ({"incepted": LOSS + days(1)}, "not in force", "decline"),
        ({"lapsed": LOSS}, "not in force", "decline"),
        ({"lapsed": LOSS - days(9), "reinstated": LOSS + days(1)}, "not in force", "decline"),
        ({"incepted": LOSS}, "waiting period", "decline"),
        ({"incepted": LOSS - days(13)}, "waiting period", "decline"),
        ({"exclusion": "wear"}, "excluded cause", "decline"),
        ({"reported": LOSS + days(NOTICE_DAYS + 1)}, "late notice", "decline"),
        ({"amount": 500}, "below deductible", "decline"),
        ({"reported": LOSS + days(200), "late_reason_documented": True}, "excused late notice", "refer"),
        ({"amount": 10_001}, "over limit", "refer"),
        ({"amount": AUTHORITY + 1, "limit": 50_000}, "over authority", "refer"),
        ({"signs": ("no receipts", "pressing")}, "fraud signs", "refer"),
        ({"document_missing": True}, "missing document", "refer"),
        ({"legal_action": True}, "legal action", "refer"),
    ],
)
def test_each_rule_of_the_policy_alone_decides_a_claim(change: dict[str, object], rule: str, outcome: str) -> None:
    decision = decide(replace(PLAIN, **change))
    assert (decision.rules, decision.outcome) == ((rule,), outcome)


@pytest.mark.parametrize(
    "change",
    [
        {"lapsed": LOSS + days(1)},
        {"lapsed": LOSS - days(9), "reinstated": LOSS},
        {"incepted": LOSS - days(14)},
        {"exclusion": "alcohol", "endorsed": True},
        {"reported": LOSS + days(NOTICE_DAYS)},
        {"late_reason_documented": True},
        {"amount": 501},
        {"amount": 10_000},
        {"amount": AUTHORITY, "limit": AUTHORITY},
        {"signs": ("altered papers",)},
    ],
)
def test_what_only_comes_near_to_a_rule_changes_nothing(change: dict[str, object]) -> None:
    assert decide(replace(PLAIN, **change)).outcome == "approve"


@pytest.mark.parametrize(("kind", "wait"), [("flood", 30), ("trip cancellation", 30), ("windstorm", 14), ("fire", 7)])
def test_the_waiting_period_depends_on_the_type_and_is_over_when_its_days_are_full(kind: ClaimType, wait: int) -> None:
    inside, after = (replace(PLAIN, type=kind, incepted=LOSS - days(count)) for count in (wait - 1, wait))
    assert (waiting_days(kind), decide(inside).outcome, decide(after).outcome) == (wait, "decline", "approve")


def test_a_decline_comes_before_a_referral_and_every_rule_that_applies_is_named() -> None:
    decision = decide(replace(PLAIN, amount=12_000, exclusion="wear", legal_action=True))
    assert decision.outcome == "decline"
    assert decision.rules == ("excluded cause", "over limit", "legal action")


def test_the_written_policy_names_every_type_rule_and_number_of_the_code() -> None:
    policy = files("app.domains").joinpath("claims_policy.md").read_text()
    assert re.findall(r"^\| ([a-z -]+?) \|", policy, re.MULTILINE)[1:] == list(TYPES)
    titles = {"Below the deductible": "below deductible", "Over the limit": "over limit", "Signs of fraud": "fraud signs"}
    declined, referred = (
        [titles.get(title, title.lower()) for title in re.findall(r"^\d\. \*\*(.+)\.\*\*", section, re.MULTILINE)]
        for section in re.split(r"^## ", policy, flags=re.MULTILINE)[2:4]
    )
    assert (declined, referred) == ([*DECLINES], [*REFERS])
    assert f"more than {AUTHORITY:,} dollars" in policy
    assert f"more than {NOTICE_DAYS} days" in policy
    assert (
        "30 days for flood,\n   equipment breakdown and trip cancellation; 14 for windstorm, theft and vandalism; 7 for"
        in policy
    )


# ---- Facts and texts


@pytest.mark.parametrize("split", SPLITS)
def test_a_claim_meets_the_rules_that_its_combination_names_and_no_others(made: dict[Split, list[Claim]], split: Split) -> None:
    for claim in made[split]:
        decision = decide(claim.facts)
        assert set(decision.rules) == {name for name in claim.combination if name in DECLINES or name in REFERS}
        assert decision.outcome == claim.outcome == outcome_of(claim.combination)


def numbers(text: str) -> set[int]:
    """Numbers of a text, 9.4k as 9400 and 6 weeks as 42."""
    found = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\b", text) if not number.endswith(",")}
    found |= {int(number.rstrip(",").replace(",", "")) for number in re.findall(r"\d[\d,]*", text)}
    found |= {round(1000 * float(number)) for number in re.findall(r"(\d+(?:\.\d+)?)k\b", text.lower())}
    return found | {7 * int(number) for number in re.findall(r"(\d+) w[eks]*\b", text.lower())}


@pytest.mark.parametrize("split", SPLITS)
def test_the_text_tells_the_numbers_that_the_decision_needs(made: dict[Split, list[Claim]], split: Split) -> None:
    for claim in made[split]:
        facts, told = claim.facts, numbers(claim.text)
        assert {facts.amount, facts.deductible, facts.limit} <= told, claim.text
        if {"waiting period", "waited long enough"} & set(claim.combination):
            assert {facts.days_covered, facts.waiting_days} <= told, claim.text
        else:
            assert facts.days_covered < 0 or facts.days_covered >= max(map(waiting_days, TYPES))
        assert facts.days_to_report in told | {0} or {facts.reported.day, facts.occurred.day} <= told, claim.text


def test_notes_are_as_long_as_notes_are_and_no_two_are_the_same(made: dict[Split, list[Claim]]) -> None:
    texts = [claim.text for split in SPLITS for claim in made[split]]
    assert len(set(texts)) == len(texts)
    lengths = sorted(len(text.split()) for text in texts)
    assert lengths[0] >= 36
    assert lengths[-1] <= 110


@pytest.mark.parametrize("split", SPLITS)
def test_every_type_and_outcome_occurs_and_none_is_rare(made: dict[Split, list[Claim]], split: Split) -> None:
    kinds = Counter(claim.facts.type for claim in made[split])
    outcomes = Counter(claim.outcome for claim in made[split])
    assert set(kinds) == set(TYPES)
    assert min(kinds.values()) > 0.03 * len(made[split])
    assert set(outcomes) == set(OUTCOMES)
    assert min(outcomes.values()) > 0.2 * len(made[split])
    # No type gives its decision away.
    for kind, outcome in product(TYPES, OUTCOMES):
        share = sum(claim.outcome == outcome for claim in made[split] if claim.facts.type == kind) / kinds[kind]
        assert 0.1 < share < 0.65


def test_no_text_says_its_decision_and_few_say_their_type(made: dict[Split, list[Claim]]) -> None:
    every = [claim for split in SPLITS for claim in made[split]]
    assert not any(re.search(r"\b(approv|refer|declin)", claim.text.lower()) for claim in every)
    assert sum(claim.facts.type in claim.text.lower() for claim in every) < 0.15 * len(every)


def test_many_texts_use_shorthand_or_have_typos_or_sound_like_another_type(made: dict[Split, list[Claim]]) -> None:
    claims_made = made["test"]
    shorthand = sum(bool(re.search(r"\b(insd|pol|ded|w/|est|dmg|clmt)\b", claim.text)) for claim in claims_made)
    traps = sum(claim.decoy is not None for claim in claims_made)
    assert shorthand > 0.2 * len(claims_made)
    assert 0.15 * len(claims_made) < traps < 0.4 * len(claims_made)
    assert all(claim.decoy != claim.facts.type for claim in claims_made)


# ---- Held out


def pools() -> list[Pool]:
    """Every pool of phrases there is."""
    found: list[Pool] = []
    for value in [*vars(claims_phrases).values(), *vars(claims_causes).values(), *vars(claims_stories).values()]:
        members = value.values() if isinstance(value, dict) else [value]
        found += [member for member in members if isinstance(member, Pool)]
    return found + [trap.phrases for trap in claims_stories.TRAPS]


def wordings(phrase: str) -> set[str]:
    """All ways in which a phrase of a pool can come out, its blanks left open."""
    parts = [part.split("|") for part in re.split(r"\[([^\]]+)\]", phrase)]
    return {re.sub(r"\{\w+\}", "_", "".join(chosen)).strip(" .:,").lower() for chosen in product(*parts)}


def test_no_phrase_of_the_test_split_can_come_out_in_training_or_validation() -> None:
    ways = {split: {way for pool in pools() for phrase in pool.of(split) for way in wordings(phrase)} for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        assert not ways[one] & ways[other]
    # Nor as a part of a longer phrase; one or two words are not a phrasing.
    seen = " / ".join(sorted(ways["train"] | ways["validation"]))
    assert not [way for way in ways["test"] if len(re.findall(r"[a-z']+", way)) > 2 and way in seen]


def test_the_phrases_that_claims_were_made_from_are_those_of_their_split(made: dict[Split, list[Claim]]) -> None:
    used = {split: {phrase for claim in made[split] for phrase in claim.phrases} for split in SPLITS}
    for split in SPLITS:
        assert used[split] <= {phrase for pool in pools() for phrase in pool.of(split)}
    assert not used["test"] & (used["train"] | used["validation"])


def test_no_name_of_the_test_split_occurs_in_training_or_validation(made: dict[Split, list[Claim]]) -> None:
    words = {
        split: {word.lower() for claim in made[split] for word in re.findall(r"[A-Za-z]+", claim.text)} for split in SPLITS
    }
    names = {split: {name.lower() for claim in made[split] for name in claim.names} for split in SPLITS}
    assert names["test"] <= words["test"] | names["test"]
    assert len(names["test"]) > 30
    assert not names["test"] & (words["train"] | words["validation"])
    assert not names["validation"] & words["train"]


def test_no_combination_of_rules_of_the_test_split_occurs_in_training_or_validation(made: dict[Split, list[Claim]]) -> None:
    combined = {
        split: {(claim.facts.type, claim.combination) for claim in made[split] if claim.combination} for split in SPLITS
    }
    pairs = {split: {claim.combination for claim in made[split] if len(claim.combination) == 2} for split in SPLITS}
    assert len(pairs["test"]) > 40
    for one, other in combinations(SPLITS, 2):
        assert not combined[one] & combined[other]
        assert not pairs[one] & pairs[other]


def test_everything_that_a_test_claim_combines_is_met_in_training_one_by_one() -> None:
    for name in CIRCUMSTANCES:
        taught = [kind for kind in TYPES if (name,) in combinations_of("train", kind)[outcome_of((name,))][0]]
        assert len(taught) == 7


def test_some_traps_are_met_in_the_test_alone() -> None:
    hidden = [(trap.type, trap.decoy) for trap in claims_stories.TRAPS if not trap.phrases.train]
    assert len(hidden) >= 3
    assert all(trap.phrases.test for trap in claims_stories.TRAPS)


# ---- The same seed, the same claims


def test_a_seed_makes_the_same_claims_in_any_process_and_another_seed_makes_others() -> None:
    code = "from itertools import islice; from app.domains.claims import claims; "
    code += "print([(c.text, c.facts.type, c.outcome) for c in islice(claims(7, 'test'), 40)])"
    outputs = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": salt}, capture_output=True, check=True).stdout
        for salt in ("1", "2")
    }
    assert outputs == {f"{[(c.text, c.facts.type, c.outcome) for c in islice(claims(7, 'test'), 40)]}\n".encode()}
    assert [c.text for c in islice(claims(8, "test"), 40)] != [c.text for c in islice(claims(7, "test"), 40)]


def test_a_classifier_of_words_finds_the_types_neither_trivial_nor_hopeless(made: dict[Split, list[Claim]]) -> None:
    splits = {
        split: ([claim.text for claim in made[split][:800]], [claim.facts.type for claim in made[split][:800]])
        for split in SPLITS
    }
    baseline = TfidfLogistic((4,))
    baseline.fit(*splits["train"], validation=splits["validation"])
    reached = accuracy(splits["test"][1], most_likely(baseline.predict_proba(splits["test"][0])))
    assert 0.5 < reached < 0.93
