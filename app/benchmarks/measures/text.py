"""How close a free answer comes to its reference texts: exact match, token F1, ROUGE, length, and key facts that it names."""

import re
import string
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"[^\W_]+")

Unit = TypeVar("Unit", bound=Hashable)


def normalised(text: str) -> str:
    """Small letters, without punctuation, articles and superfluous spaces: SQuAD's form (Rajpurkar et al. 2016, 1606.05250)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(answer: str, references: Sequence[str]) -> bool:
    """The answer is one of the references, normalised. Raises ValueError without a reference."""
    return normalised(answer) in map(normalised, _some(references))


def token_f1(answer: str, references: Sequence[str]) -> float:
    """F1 of the tokens that answer and reference share, of the reference that fits best (SQuAD). Where either has no token
    left, 1 if both have none, else 0. Raises ValueError without a reference."""
    said = normalised(answer).split()
    return max(_token_f1(said, normalised(reference).split()) for reference in _some(references))


def _token_f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    return _overlap(Counter(said), Counter(wanted)).f1


@dataclass(frozen=True)
class Rouge:
    """Shares, 0 to 1: `precision` of what the answer has, `recall` of what the reference has."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def rouge_n(answer: str, reference: str, n: int) -> Rouge:
    """Runs of `n` words in common (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 2)."""
    return _overlap(_runs(words(answer), n), _runs(words(reference), n))


def rouge_l(answer: str, reference: str) -> Rouge:
    """The longest common subsequence of words, of the texts as wholes (Lin 2004, section 3)."""
    said, wanted = words(answer), words(reference)
    common = _longest_common_subsequence(said, wanted)
    return _shares(common, len(said), len(wanted))


def words(text: str) -> list[str]:
    """Runs of letters and digits of any script, in small letters; not stemmed."""
    return _WORD.findall(text.lower())


def length_ratio(answer: str, reference: str) -> float | None:
    """Words of the answer for each word of the reference; None where the reference has none."""
    wanted = len(words(reference))
    return len(words(answer)) / wanted if wanted else None


def missing_facts(answer: str, facts: Sequence[str]) -> list[str]:
    """The key facts (names, amounts, dates) that the answer does not name, in the order given.

    A fact is named when its words stand in the answer in a row, whatever their case and the punctuation between them:
    "$3,250.50" is named by "3,250.50 dollars" and not by "3,250.00". Another wording of a fact is not found: give each fact
    in the words that a right answer must use.
    """
    runs = f" {' '.join(words(answer))} "
    return [fact for fact in facts if f" {' '.join(words(fact))} " not in runs]


def fact_coverage(answer: str, facts: Sequence[str]) -> float | None:
    """Share of the key facts that the answer names; None where there are none."""
    return 1 - len(missing_facts(answer, facts)) / len(facts) if facts else None


def _some(references: Sequence[str]) -> Sequence[str]:
    if not references:
        raise ValueError("an answer needs at least one reference to be compared with")
    return references


def _runs(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))


def _overlap(said: Counter[Unit], wanted: Counter[Unit]) -> Rouge:
    return _shares((said & wanted).total(), said.total(), wanted.total())


def _shares(common: int, said: int, wanted: int) -> Rouge:
    return Rouge(common / said if said else 0.0, common / wanted if wanted else 0.0)


def _longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """len(a) x len(b) steps, one row of the table in memory."""
    row = [0] * (len(b) + 1)
    for one in a:
        before = 0  # of the row above, one to the left
        for place, other in enumerate(b, start=1):
            above = row[place]
            row[place] = before + 1 if one == other else max(above, row[place - 1])
            before = above
    return row[-1]
