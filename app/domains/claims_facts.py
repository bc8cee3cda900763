"""What is true of a claim: combinations of circumstances, which split each belongs to, and facts that meet one.

A lone circumstance is shared out by claim type, a pair of them goes to one split whole, so no test claim combines what a
training claim combined.
"""

import random
from datetime import date, timedelta
from functools import cache
from itertools import combinations

from app.domains.claims_language import Split
from app.domains.claims_phrases import EXCLUSIONS_OF, SIGNS
from app.domains.claims_rules import (
    AUTHORITY,
    DECLINES,
    NOTICE_DAYS,
    OUTCOMES,
    REFERS,
    TYPES,
    ClaimType,
    Exclusion,
    Facts,
    Outcome,
    Sign,
    waiting_days,
)

# What can be special about a claim, by the part of the claim that it fills. Rules of the policy are named as there; the others
# only look like one and change nothing.
CIRCUMSTANCES: dict[str, str] = {
    "waiting period": "start",
    "waited long enough": "start",
    "excused late notice": "notice",
    "endorsed": "cause",
    "not in force": "start",
    "over limit": "amount",
    "reported just in time": "notice",
    "excluded cause": "cause",
    "fraud signs": "signs",
    "near the limit": "amount",
    "late notice": "notice",
    "missing document": "paper",
    "one sign": "signs",
    "below deductible": "amount",
    "legal action": "lawyer",
    "reinstated": "start",
    "over authority": "amount",
    "ruled out": "cause",
    "document arrived": "paper",
    "just above the deductible": "amount",
    "lawyer without demand": "lawyer",
    "near the authority": "amount",
}
LIMITS = (2_000, 3_000, 5_000, 8_000, 10_000, 15_000, 25_000, 50_000)
DEDUCTIBLES = (100, 250, 500, 1_000)
FIRST_DAY, DAYS = date(2021, 1, 1), 1800

Combination = tuple[str, ...]  # circumstances, in the order of CIRCUMSTANCES

# ---- Which combinations belong to which split


def outcome_of(combination: Combination) -> Outcome:
    if any(name in DECLINES for name in combination):
        return "decline"
    return "refer" if any(name in REFERS for name in combination) else "approve"


@cache
def combinations_of(split: Split, claim_type: ClaimType) -> dict[Outcome, tuple[tuple[Combination, ...], ...]]:
    """By outcome: the lone circumstances and the pairs that `split` may use for a type."""
    found: dict[Outcome, tuple[list[Combination], list[Combination]]] = {outcome: ([], []) for outcome in OUTCOMES}
    for place, name in enumerate(CIRCUMSTANCES):
        # 7, 2 and 3 of the 12 types; 5 has no divisor in common with 12, so the types differ from name to name.
        if _share((5 * place + TYPES.index(claim_type)) % 12, 7, 9) == split:
            found[outcome_of((name,))][0].append((name,))
    for place, pair in enumerate(combinations(CIRCUMSTANCES, 2)):
        # 6, 1 and 3 of 10.
        if CIRCUMSTANCES[pair[0]] != CIRCUMSTANCES[pair[1]] and _share(7 * place % 10, 6, 7) == split:
            found[outcome_of(pair)][1].append(pair)
    return {outcome: (tuple(lone), tuple(pairs)) for outcome, (lone, pairs) in found.items()}


def _share(place: int, train: int, validation: int) -> Split:
    return "train" if place < train else "validation" if place < validation else "test"


# ---- Facts that meet a combination


def facts_of(claim_type: ClaimType, combination: Combination, draws: random.Random) -> Facts:
    """Facts of which all that `combination` names is true, and no other rule."""
    names = set(combination)
    occurred = FIRST_DAY + timedelta(draws.randrange(DAYS))
    incepted, lapsed, reinstated = _cover(names, occurred, waiting_days(claim_type), draws)
    amount, deductible, limit = _amounts(names, draws)
    exclusion: Exclusion | None = None
    if names & {"excluded cause", "endorsed"}:
        exclusion = draws.choice(EXCLUSIONS_OF[claim_type])
    signs: tuple[Sign, ...] = ()
    if names & {"fraud signs", "one sign"}:
        signs = tuple(draws.sample([*SIGNS], 1 if "one sign" in names else draws.choice((2, 2, 3))))
    return Facts(
        type=claim_type,
        incepted=incepted,
        lapsed=lapsed,
        reinstated=reinstated,
        occurred=occurred,
        reported=occurred + timedelta(_days_to_report(names, draws)),
        amount=amount,
        deductible=deductible,
        limit=limit,
        late_reason_documented="excused late notice" in names,
        exclusion=exclusion,
        endorsed="endorsed" in names,
        signs=signs,
        document_missing="missing document" in names,
        legal_action="legal action" in names,
    )


def _cover(names: set[str], occurred: date, wait: int, draws: random.Random) -> tuple[date, date | None, date | None]:
    """Start of cover, lapse, reinstatement."""

    def before(days: int) -> date:
        return occurred - timedelta(days)

    if "waiting period" in names:
        return before(draws.randrange(1, wait)), None, None
    if "waited long enough" in names:
        return before(wait + draws.randrange(1, 2 * wait)), None, None
    started = before(draws.randrange(200, 3000))
    if "reinstated" in names:
        back = draws.randrange(2, 40)
        return started, before(back + draws.randrange(15, 60)), before(back)
    if "not in force" in names:
        if draws.random() < 0.3:
            return occurred + timedelta(draws.randrange(1, 30)), None, None
        return started, before(draws.randrange(2, 90)), None
    return started, None, None


def _days_to_report(names: set[str], draws: random.Random) -> int:
    if names & {"late notice", "excused late notice"}:
        return draws.choice((draws.randrange(NOTICE_DAYS + 2, 60), draws.randrange(60, 150)))
    if "reported just in time" in names:
        return draws.randrange(18, NOTICE_DAYS + 1)
    return draws.choice((0, 1, 2, 3, 4, 5, 7, 9, 12))


def _amounts(names: set[str], draws: random.Random) -> tuple[int, int, int]:
    """Amount, deductible, limit."""
    deductible = draws.choice(DEDUCTIBLES)
    if "below deductible" in names:
        deductible = draws.choice((500, 1_000, 2_000))
        return 10 * draws.randrange(deductible // 40, deductible // 10), deductible, draws.choice(LIMITS[2:])
    if "just above the deductible" in names:
        return deductible + 10 * draws.randrange(3, 30), deductible, draws.choice(LIMITS[1:])
    if "over limit" in names:
        limit = draws.choice(LIMITS[:6])
        return min(AUTHORITY, 100 * round(limit * draws.uniform(1.1, 2.5) / 100)), deductible, limit
    if "near the limit" in names:
        limit = draws.choice(LIMITS[:6])
        return 100 * int(limit * draws.uniform(0.8, 0.99) / 100), deductible, limit
    if "over authority" in names:
        limit = draws.choice((50_000, 75_000, 100_000))
        return 100 * draws.randrange(212, limit // 100 * 9 // 10), deductible, limit
    if "near the authority" in names:
        return 100 * draws.randrange(160, AUTHORITY // 100 + 1), deductible, draws.choice((25_000, 50_000))
    limit = draws.choice([one for one in LIMITS if one > 5 * deductible])
    most = 7 * min(limit, AUTHORITY) // 10
    return 50 * draws.randrange(3 * deductible // 50, most // 50), deductible, limit
