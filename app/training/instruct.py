"""Instruction tuning: the variant is asked as a general model is, with instruction and labels or fields, over all tasks of a
domain.

Other labels and fields can be put to it, where the other methods know their own only; how well it takes them, a benchmark
tells.
"""

import random
from collections.abc import Sequence
from typing import Any

from app.catalog.prompts import DEFAULT_INSTRUCTION, EXTRACT, classification_prompt, extraction_prompt

# One of them is drawn for each row; what is measured and served is the default.
INSTRUCTIONS = (
    DEFAULT_INSTRUCTION,
    "Which of the labels describes the text?",
    "Read the text and answer with the label that it belongs to.",
    "Classify the text.",
    "Pick the right category for this text from the list.",
    "Say what the text is about, in one of the given labels.",
)
EXTRACTIONS = (
    EXTRACT,
    "Answer with a JSON object of the fields.",
    "Find the fields in the text and give them as JSON.",
    "Read the text and fill in each field, as JSON.",
    "Extract the fields as JSON.",
)
SOME_LABELS = 0.5  # of the rows show only some of the labels
SOME_FIELDS = 0.5  # of the rows ask for only some of the fields


def template(labels: Sequence[str]) -> str:
    """The user turn of a task as it is served, with {input} for the text."""
    return classification_prompt("{input}", labels)


def asked(text: str, label: str, labels: Sequence[str], draws: random.Random) -> str:
    """The user turn of a training row: any wording, labels in any order, all of them or some with the right one."""
    shown = [*labels]
    if len(shown) > 2 and draws.random() < SOME_LABELS:
        others = [one for one in shown if one != label]
        shown = [label, *draws.sample(others, draws.randint(1, len(others)))]
    return classification_prompt(text, draws.sample(shown, len(shown)), instruction=draws.choice(INSTRUCTIONS))


def fields_template(names: Sequence[str]) -> str:
    """The user turn of an extraction as it is served, with {input} for the text."""
    return extraction_prompt("{input}", names)


def asked_fields(text: str, value: dict[str, Any], draws: random.Random) -> tuple[str, dict[str, Any]]:
    """The user turn of a training row, any wording, all fields or some, in any order; and what is answered, in that order."""
    count = len(value)
    if count > 1 and draws.random() < SOME_FIELDS:
        count = draws.randint(1, count)
    names = draws.sample([*value], count)
    return extraction_prompt(text, names, instruction=draws.choice(EXTRACTIONS)), {name: value[name] for name in names}
