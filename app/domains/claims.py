"""Insurance claims without end: facts that meet chosen rules of the policy, told as claim files tell them.

Held out by construction: each split has its own phrases and names (claims_causes.py, claims_stories.py, claims_phrases.py)
and its own combinations of rules (claims_facts.py).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from app.domains import claims_phrases as phrases
from app.domains.claims_causes import CAUSES
from app.domains.claims_facts import CIRCUMSTANCES, Combination, combinations_of, facts_of
from app.domains.claims_language import (
    DATE_WEIGHTS,
    DATES,
    MONEY,
    MONEY_WEIGHTS,
    MONTHS,
    Pool,
    Split,
    day,
    money,
    sentence,
    shorten,
    slip,
    span,
    vary,
)
from app.domains.claims_rules import TYPES, ClaimType, Facts, Outcome, decide
from app.domains.claims_stories import EFFECTS, TRAPS, Trap

OUTCOME_WEIGHTS: dict[Outcome, int] = {"approve": 40, "refer": 32, "decline": 28}
TYPE_WEIGHTS = (13, 8, 9, 10, 10, 7, 11, 6, 7, 6, 7, 6)  # in the order of TYPES
LEAST_WORDS = 40
TRAP_SHARE, OTHER_LOSS_SHARE, ASIDE_SHARE = 0.25, 0.25, 0.4


@dataclass(frozen=True)
class Claim:
    """One claim: its text, what it is true of, and what it was made from."""

    split: Split
    text: str
    facts: Facts
    combination: Combination
    decoy: ClaimType | None  # the type that a trap's words suggest
    phrases: tuple[str, ...]  # as they stand in the pools
    names: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        return decide(self.facts).outcome


def claims(seed: int, split: Split) -> Iterator[Claim]:
    """Claim i depends on seed, split and i alone."""
    for index in count():
        yield _Writer(split, random.Random(f"claims {seed} {split} {index}")).claim()


def types(seed: int, split: Split) -> Iterator[tuple[str, str]]:
    """(text, claim type)."""
    return ((claim.text, claim.facts.type) for claim in claims(seed, split))


def decisions(seed: int, split: Split) -> Iterator[tuple[str, str]]:
    """(text, outcome), of the same claims."""
    return ((claim.text, claim.outcome) for claim in claims(seed, split))


# ---- One claim


class _Writer:
    """Draws one claim."""

    def __init__(self, split: Split, draws: random.Random) -> None:
        self._split, self._draws = split, draws
        self._phrases: list[str] = []
        self._names: list[str] = []
        self._money = draws.choices(MONEY, MONEY_WEIGHTS)[0]
        self._dates = draws.choices(DATES, DATE_WEIGHTS)[0]

    def claim(self) -> Claim:
        draws = self._draws
        # 1. What is to come out, and what makes it so.
        claim_type = draws.choices(TYPES, TYPE_WEIGHTS)[0]
        outcome = draws.choices([*OUTCOME_WEIGHTS], [*OUTCOME_WEIGHTS.values()])[0]
        combination = self._combination(claim_type, outcome)
        facts = facts_of(claim_type, combination, draws)
        # 2. The parts of the file: who, what happened, then the facts in any order, with an aside among them.
        opening = self._opening()
        trap = self._trap(claim_type)
        story = [self._story(claim_type, trap)]
        if draws.random() < 0.75:
            story.append(self._pick(EFFECTS[claim_type]))
        rest = self._facts(facts, combination)
        draws.shuffle(rest)
        kind = draws.random()
        if kind < OTHER_LOSS_SHARE:
            rest.insert(draws.randrange(len(rest) + 1), self._other_loss(claim_type))
        elif kind < OTHER_LOSS_SHARE + ASIDE_SHARE:
            rest.insert(draws.randrange(len(rest) + 1), self._aside(claim_type))
        # 3. No note is so short that it is nothing but its facts.
        while sum(len(part.split()) for part in (opening, *story, *rest)) < LEAST_WORDS:
            rest.insert(draws.randrange(len(rest) + 1), self._aside(claim_type))
        # 4. Written down in a hurry.
        text = self._hurry(f"{opening} {self._join([*story, *rest])}")
        return Claim(
            self._split, text, facts, combination, trap.decoy if trap else None, tuple(self._phrases), tuple(self._names)
        )

    # ---- What is told

    def _combination(self, claim_type: ClaimType, outcome: Outcome) -> Combination:
        lone, pairs = combinations_of(self._split, claim_type)[outcome]
        if outcome == "approve" and self._draws.random() < 0.4:
            return ()
        return self._draws.choice(lone if lone and self._draws.random() < 0.5 else pairs)

    def _trap(self, claim_type: ClaimType) -> Trap | None:
        known = [trap for trap in TRAPS if trap.type == claim_type and trap.phrases.of(self._split)]
        return self._draws.choice(known) if known and self._draws.random() < TRAP_SHARE else None

    def _story(self, claim_type: ClaimType, trap: Trap | None) -> str:
        told = self._pick(trap.phrases if trap else CAUSES[claim_type])
        return told.format(room=self._draws.choice(phrases.ROOMS), car=self._draws.choice(phrases.CARS))

    def _opening(self) -> str:
        first, last = self._name(phrases.FIRST_NAMES), self._name(phrases.LAST_NAMES)
        opening = self._pick(phrases.OPENINGS)
        town = self._name(phrases.TOWNS) if "{town}" in opening else ""
        form = self._draws.choice(("{first} {last}", "{last}", "{first} {last}", "Mr {last}", "Ms {last}"))
        if "first" not in form:
            self._names.remove(first)
        name = form.format(first=first, last=last)
        return opening.format(name=name, town=town, file=self._draws.randrange(1000, 9999))

    def _aside(self, claim_type: ClaimType) -> str:
        decoy = self._draws.choice([word for type_, word in _DECOYS.items() if type_ != claim_type])
        return self._pick(phrases.ASIDES).format(decoy=decoy, past=self._draws.randrange(2012, 2020))

    def _other_loss(self, claim_type: ClaimType) -> str:
        frame = self._pick(phrases.OTHER_LOSSES)
        story = self._story(self._draws.choice([other for other in TYPES if other != claim_type]), None)
        return frame.format(story=story, past=self._draws.randrange(2012, 2020), file=self._draws.randrange(1000, 9999))

    def _facts(self, facts: Facts, combination: Combination) -> list[str]:
        parts = {CIRCUMSTANCES[name]: name for name in combination}
        told = [
            self._start(facts, parts.get("start")),
            self._notice(facts, parts.get("notice")),
            self._amount(facts, parts.get("amount")),
        ]
        told += self._cause(facts, parts.get("cause"))
        told += [self._pick(phrases.SIGNS[sign]) for sign in facts.signs]
        if "signs" not in parts and self._draws.random() < 0.12:
            told.append(self._pick(phrases.CLEAN))
        told += self._paper(facts, parts.get("paper"))
        if "lawyer" in parts:
            told.append(self._pick(phrases.LEGAL if facts.legal_action else phrases.NOT_LEGAL))
        return told

    def _start(self, facts: Facts, name: str | None) -> str:
        draws = self._draws
        if name in ("waiting period", "waited long enough"):
            said = phrases.WAITING_SAID if name == "waiting period" else phrases.WAITED_SAID
            phrase = self._pick(said if draws.random() < 0.4 else phrases.YOUNG)
            return phrase.format(n=span(facts.days_covered, draws), w=facts.waiting_days)
        if name == "reinstated" and facts.lapsed and facts.reinstated:
            n = span((facts.occurred - facts.reinstated).days, draws)
            return self._pick(phrases.REINSTATED).format(month=MONTHS[facts.lapsed.month - 1], n=n)
        if name == "not in force":
            ended = facts.lapsed is not None
            days = (facts.occurred - facts.lapsed).days if facts.lapsed else -facts.days_covered
            return self._pick(phrases.LAPSED if ended else phrases.TOO_EARLY).format(n=span(days, draws))
        return self._pick(phrases.COVERED).format(year=facts.incepted.year, incepted=day(facts.incepted, self._dates))

    def _notice(self, facts: Facts, name: str | None) -> str:
        draws, days = self._draws, facts.days_to_report
        if not days:
            return self._pick(phrases.SAME_DAY)
        dated = draws.random() < 0.15 and (days > 60 or facts.occurred.month == facts.reported.month)
        told = self._pick(phrases.NOTICE_DATES if dated else phrases.NOTICE).format(
            n=span(days, draws), occurred=day(facts.occurred, self._dates), reported=day(facts.reported, self._dates)
        )
        if name == "excused late notice":
            return f"{told}, {self._pick(phrases.REASON)}"
        if name == "late notice" and draws.random() < 0.5:
            return f"{told}, {self._pick(phrases.NO_REASON)}"
        if name == "reported just in time" and draws.random() < 0.4:
            return f"{told}, {self._pick(phrases.IN_TIME)}"
        return told

    def _amount(self, facts: Facts, name: str | None) -> str:
        said = {
            "over limit": phrases.OVER_LIMIT_SAID,
            "over authority": phrases.OVER_AUTHORITY_SAID,
            "below deductible": phrases.BELOW_SAID,
        }
        pool = said[name] if name in said and self._draws.random() < 0.4 else phrases.AMOUNTS
        return self._pick(pool).format(
            amount=money(facts.amount, self._money),
            limit=money(facts.limit, self._money),
            deductible=money(facts.deductible, self._money),
        )

    def _cause(self, facts: Facts, name: str | None) -> list[str]:
        if name == "ruled out":
            kind = self._draws.choice(phrases.EXCLUSIONS_OF[facts.type])
            return [self._pick(phrases.RULED_OUT[kind])]
        if facts.exclusion is None:
            return []
        told = self._pick(phrases.EXCLUDED[facts.exclusion])
        return [f"{told}, {self._pick(phrases.ENDORSED)}" if facts.endorsed else told]

    def _paper(self, facts: Facts, name: str | None) -> list[str]:
        if name is None and self._draws.random() >= 0.15:
            return []
        paper = self._draws.choice(phrases.PAPERS[facts.type])
        return [self._pick(phrases.MISSING if facts.document_missing else phrases.ARRIVED).format(paper=paper)]

    # ---- How it is told

    def _pick(self, pool: Pool) -> str:
        """A phrase that the note does not have yet."""
        known = pool.of(self._split)
        phrase = self._draws.choice([one for one in known if one not in self._phrases] or known)
        self._phrases.append(phrase)
        return vary(phrase, self._draws)

    def _name(self, pool: Pool) -> str:
        name = self._draws.choice(pool.of(self._split))
        self._names.append(name)
        return name

    def _join(self, parts: list[str]) -> str:
        mark = self._draws.choices((". ", "; ", ", "), (60, 28, 12))[0]
        return f"{mark.join(sentence(part) if mark == '. ' else part for part in parts)}."

    def _hurry(self, text: str) -> str:
        draws = self._draws
        text = shorten(text, draws.choices((0.0, 0.3, 0.75), (45, 25, 30))[0], draws)
        text = slip(text, draws.choices((0, 1, 2, 4), (45, 25, 20, 10))[0], draws)
        case = draws.random()
        return text.lower() if case < 0.12 else text.upper() if case < 0.15 else text


_DECOYS: dict[ClaimType, str] = {
    "water damage": "pipe leak",
    "flood": "flood",
    "fire": "fire",
    "windstorm": "storm",
    "theft": "theft",
    "vandalism": "vandalism",
    "vehicle collision": "car crash",
    "animal strike": "deer accident",
    "third-party injury": "injury",
    "equipment breakdown": "furnace",
    "trip cancellation": "travel",
}
