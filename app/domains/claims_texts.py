"""The same claims for other questions than a label: fields of a note, questions about it, its summary, the note alone.

What is right is worked out from the facts that the note was written from. Every note tells the amount, the limit, the
deductible and the cause; a number may be written in several ways ("$4,300", "4.3k"), the answer has one.
"""

import json
import random
from collections.abc import Callable, Iterator

from app.domains.claims import Claim, claims
from app.domains.claims_language import Split
from app.domains.claims_rules import Facts, decide

Rows = Iterator[tuple[str, str]]

QUESTIONS: dict[str, Callable[[Facts], str]] = {
    "How much is claimed, in dollars?": lambda facts: f"{facts.amount:,}",
    "What is the deductible, in dollars?": lambda facts: f"{facts.deductible:,}",
    "What is the limit, in dollars?": lambda facts: f"{facts.limit:,}",
    "What type of loss is claimed now?": lambda facts: facts.type,
    "How many days after the loss was it reported?": lambda facts: str(facts.days_to_report),
}
OUTCOMES = {"approve": "To be approved", "refer": "To be referred", "decline": "To be declined"}


def fields(seed: int, split: Split) -> Rows:
    """(note, JSON of type, amount, deductible and limit in whole dollars)."""
    return ((claim.text, json.dumps(_fields(claim.facts))) for claim in claims(seed, split))


def questions(seed: int, split: Split) -> Rows:
    """(note and one question, answer in as few words as it takes)."""
    for index, claim in enumerate(claims(seed, split)):
        question = random.Random(f"question {seed} {split} {index}").choice([*QUESTIONS])
        yield f"{claim.text}\n\nQuestion: {question}", QUESTIONS[question](claim.facts)


def summaries(seed: int, split: Split) -> Rows:
    """(note, a sentence or two: the type, the money, what is to be done and by which rules)."""
    return ((claim.text, _summary(claim)) for claim in claims(seed, split))


def notes(seed: int, split: Split) -> Rows:
    """(note, nothing)."""
    return ((claim.text, "") for claim in claims(seed, split))


def _fields(facts: Facts) -> dict[str, str | int]:
    return {"type": facts.type, "amount": facts.amount, "deductible": facts.deductible, "limit": facts.limit}


def _summary(claim: Claim) -> str:
    facts, decision = claim.facts, decide(claim.facts)
    why = f": {', '.join(decision.rules)}" if decision.rules else ""
    return (
        f"{facts.type.capitalize()}, ${facts.amount:,} claimed; limit ${facts.limit:,}, deductible ${facts.deductible:,}. "
        f"{OUTCOMES[decision.outcome]}{why}."
    )
