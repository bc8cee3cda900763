"""A classification as a model is asked it, and how the model's words are read as one of the labels."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A classification as one model is asked it: `answers` are what the model says for the labels, in their order; `put` makes
    the user turn of a text; `temperature` divides the labels' log-likelihoods: that of the model's training for it, None where
    it was not trained for it."""

    labels: tuple[str, ...]
    answers: tuple[str, ...]
    put: Callable[[str], str]
    temperature: float | None = None

    def read(self, text: str) -> str | None:
        """The label that the words of the model mean."""
        said = read_label(text, self.answers)
        return None if said is None else self.labels[self.answers.index(said)]


def read_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer means: the answer, or its first line, is a label but for case and space around it; or only one
    label stands in it as whole words (one within a longer label does not count); else None."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    for said in [text, *lines[:1]]:
        if said.strip() in labels:
            return said.strip()
        same = [label for label in labels if label.strip().casefold() == said.strip().casefold()]
        if len(same) == 1:
            return same[0]
    folded = [label.strip().casefold() for label in labels]
    by_folded = {one: label for one, label in zip(folded, labels, strict=True) if folded.count(one) == 1}
    # The longest first, so that "water damage" is not also read as "water".
    either = "|".join(re.escape(label) for label in sorted(set(folded), key=len, reverse=True))
    found = set(re.findall(rf"(?<!\w)(?:{either})(?!\w)", text.casefold()))
    return by_folded.get(found.pop()) if len(found) == 1 else None
