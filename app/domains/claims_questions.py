"""Insurance claims as two kinds of classification among the many that a general model is taught."""

import random
from collections.abc import Callable, Iterator

from app.domains import claims
from app.domains.claims_language import Split
from app.domains.claims_rules import OUTCOMES, TYPES
from app.domains.episodes import Episode, Kind, ask

_TYPE_QUESTIONS = (
    "Which type of insurance claim is it?",
    "What kind of loss is claimed?",
    "Choose the claim type.",
    "What caused the loss that is claimed now?",
)
_DECISION_QUESTIONS = (
    "Should the insurer approve, refer or decline the claim?",
    "Decide the claim.",
    "What is to be done with this insurance claim?",
)
_NOTES = (
    "Losses of earlier years do not count.",
    "What befell a neighbor does not count.",
    "Pipes and appliances cause water damage, rising water outside is a flood.",
    "Something taken is theft, something only broken on purpose is vandalism.",
    "Hitting an animal with a car is animal strike, hitting anything else is vehicle collision.",
    "Claims of others against the insured are third-party injury when a person was hurt, else third-party property.",
    "A machine that fails by itself is equipment breakdown.",
)
_RULES = (
    "Decline what the policy excludes, what began before the cover, and what lapsed.",
    "Refer signs of fraud, missing papers and late notice to a person.",
    "Approve what is covered, within the limit and above the deductible.",
    "An endorsement takes an exclusion back.",
)


def _kind(
    make: Callable[[int, Split], Iterator[tuple[str, str]]],
    known: tuple[str, ...],
    questions: tuple[str, ...],
    notes: tuple[str, ...],
) -> Kind:
    def kind(rng: random.Random) -> Episode:
        labels = tuple(rng.sample(known, rng.randint(2, len(known)) if rng.random() < 0.5 else len(known)))
        drawn = ((text, label) for text, label in make(rng.getrandbits(32), "train") if label in labels)
        instruction = ask(rng, *questions)
        if rng.random() < 0.5:
            instruction = " ".join([instruction, *rng.sample(notes, rng.randint(1, len(notes)))])
        return Episode(instruction, labels, lambda: next(drawn))

    return kind


KINDS: dict[str, Kind] = {
    "claim-type": _kind(claims.types, TYPES, _TYPE_QUESTIONS, _NOTES),
    "insurance-claim-decision": _kind(claims.decisions, OUTCOMES, _DECISION_QUESTIONS, _RULES),
}
