"""The written policy as code: the facts of a claim, and the decision that follows from them (claims_policy.md in words)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

ClaimType = Literal[
    "water damage",
    "flood",
    "fire",
    "windstorm",
    "theft",
    "vandalism",
    "vehicle collision",
    "animal strike",
    "third-party injury",
    "third-party property",
    "equipment breakdown",
    "trip cancellation",
]
Outcome = Literal["approve", "refer", "decline"]
Exclusion = Literal["wear", "deliberate", "business use", "unoccupied", "alcohol", "known before"]
Sign = Literal["no receipts", "cover raised", "similar claim", "story changed", "pressing", "altered papers", "money trouble"]
Rule = Literal[
    "not in force",
    "waiting period",
    "excluded cause",
    "late notice",
    "below deductible",
    "excused late notice",
    "over limit",
    "over authority",
    "fraud signs",
    "missing document",
    "legal action",
]

TYPES: tuple[ClaimType, ...] = (
    "water damage",
    "flood",
    "fire",
    "windstorm",
    "theft",
    "vandalism",
    "vehicle collision",
    "animal strike",
    "third-party injury",
    "third-party property",
    "equipment breakdown",
    "trip cancellation",
)
OUTCOMES: tuple[Outcome, ...] = ("approve", "refer", "decline")

NOTICE_DAYS = 30  # from the loss to the first report
AUTHORITY = 20_000  # dollars that a handler may pay alone
SIGNS_TO_REFER = 2
LONG_WAIT, MIDDLE_WAIT, SHORT_WAIT = 30, 14, 7  # days from the start of cover
WAITING_DAYS: dict[ClaimType, int] = {
    "flood": LONG_WAIT,
    "equipment breakdown": LONG_WAIT,
    "trip cancellation": LONG_WAIT,
    "windstorm": MIDDLE_WAIT,
    "theft": MIDDLE_WAIT,
    "vandalism": MIDDLE_WAIT,
}


def waiting_days(claim_type: ClaimType) -> int:
    """From the start of cover; a loss on a day before that many are full is not covered."""
    return WAITING_DAYS.get(claim_type, SHORT_WAIT)


@dataclass(frozen=True)
class Facts:
    """What is known of one claim. Amounts are whole dollars; `signs` are signs of fraud, each kind once."""

    type: ClaimType
    incepted: date
    occurred: date
    reported: date
    amount: int
    deductible: int
    limit: int
    lapsed: date | None = None
    reinstated: date | None = None
    late_reason_documented: bool = False
    exclusion: Exclusion | None = None
    endorsed: bool = False  # the exclusion was bought back
    signs: tuple[Sign, ...] = ()
    document_missing: bool = False
    legal_action: bool = False

    @property
    def waiting_days(self) -> int:
        return waiting_days(self.type)

    @property
    def days_covered(self) -> int:
        """From the start of cover to the loss; negative when the loss came first."""
        return (self.occurred - self.incepted).days

    @property
    def days_to_report(self) -> int:
        return (self.reported - self.occurred).days

    @property
    def in_force(self) -> bool:
        """The day of a lapse is not covered, the day of a reinstatement is."""
        if self.occurred < self.incepted:
            return False
        if self.lapsed is None or self.occurred < self.lapsed:
            return True
        return self.reinstated is not None and self.occurred >= self.reinstated


@dataclass(frozen=True)
class Decision:
    """The outcome, and every rule that speaks against paying at once, in the order of the policy."""

    outcome: Outcome
    rules: tuple[Rule, ...]


def _late(facts: Facts) -> bool:
    return facts.days_to_report > NOTICE_DAYS


DECLINES: dict[Rule, Callable[[Facts], bool]] = {
    "not in force": lambda facts: not facts.in_force,
    "waiting period": lambda facts: 0 <= facts.days_covered < facts.waiting_days,
    "excluded cause": lambda facts: facts.exclusion is not None and not facts.endorsed,
    "late notice": lambda facts: _late(facts) and not facts.late_reason_documented,
    "below deductible": lambda facts: facts.amount <= facts.deductible,
}
REFERS: dict[Rule, Callable[[Facts], bool]] = {
    "excused late notice": lambda facts: _late(facts) and facts.late_reason_documented,
    "over limit": lambda facts: facts.amount > facts.limit,
    "over authority": lambda facts: facts.amount > AUTHORITY,
    "fraud signs": lambda facts: len(facts.signs) >= SIGNS_TO_REFER,
    "missing document": lambda facts: facts.document_missing,
    "legal action": lambda facts: facts.legal_action,
}


def decide(facts: Facts) -> Decision:
    """Declines come before referrals: what is not covered is not looked into further."""
    declines = [rule for rule, applies in DECLINES.items() if applies(facts)]
    refers = [rule for rule, applies in REFERS.items() if applies(facts)]
    outcome: Outcome = "decline" if declines else "refer" if refers else "approve"
    return Decision(outcome, (*declines, *refers))
