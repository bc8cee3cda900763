"""The words of a domain, and probes of how surely a model goes on with them: written by hand, and mined from texts."""

import math
import random
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from app.benchmarks.scorecard.texts import HERE, cut

LEAST_LETTERS = 4
LEAST_TEXTS = 3  # of the domain that a term is in
LEAST_Z = 1.96
PRIOR_WORDS = 500  # what the prior weighs, in words of text
LEAST_WORDS = 6  # before the term
LONGEST_BEFORE = 300  # characters


@dataclass(frozen=True)
class Probe:
    """`before` is given, `after` is what the domain would write next."""

    before: str
    after: str

    @property
    def text(self) -> str:
        return self.before + self.after


@cache
def written() -> dict[str, tuple[tuple[str, ...], tuple[Probe, ...]]]:
    """Probe set -> the domains that it is of, and its probes."""
    folder = HERE.joinpath("probes")
    sets = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            told = tomllib.loads(file.read_text(encoding="utf-8"))
            # A space before the word, as it is written; none before what joins the word before it.
            probes = tuple(Probe(before, after if after[0] == "-" else f" {after}") for before, after in told["probes"])
            sets[file.name.removesuffix(".toml")] = (tuple(told["domains"]), probes)
    return sets


def probe_set_of(domain: str | None) -> str | None:
    """The hand-written set of a built-in domain; None: there is none."""
    return next((name for name, (domains, _) in written().items() if domain in domains), None)


def terms(domain: Sequence[str], general: Sequence[str], most: int) -> list[str]:
    """Words that are frequent in the domain and rare elsewhere, the most typical first.

    By the z-score of the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, Political Analysis
    16:372), the prior being all texts together, scaled down.
    """
    here, there = Counter(_words(domain)), Counter(_words(general))
    both = here + there
    texts = Counter(word for text in domain for word in set(_words([text])))
    n, m = sum(here.values()), sum(there.values())
    scores = {}
    for word, count in both.items():
        if texts[word] < LEAST_TEXTS:
            continue
        prior = PRIOR_WORDS * count / (n + m)
        a, b = here[word] + prior, there[word] + prior
        odds = math.log(a / (n + PRIOR_WORDS - a)) - math.log(b / (m + PRIOR_WORDS - b))
        scores[word] = odds / math.sqrt(1 / a + 1 / b)
    typical = sorted((word for word, z in scores.items() if z > LEAST_Z), key=lambda word: (-scores[word], word))
    return typical[:most]


def mined(domain: Sequence[str], words: Sequence[str], seed: int) -> list[Probe]:
    """One probe for each term, from a text that has enough words before it; terms without one are left out."""
    draws = random.Random(f"scorecard probes {seed}")
    texts = sorted(cut(text, 2000) for text in domain)
    probes = []
    for word in words:
        places = [found for text in texts if (found := _place(text, word))]
        if places:
            probes.append(draws.choice(places))
    return probes


def _place(text: str, word: str) -> Probe | None:
    for match in re.finditer(rf"(?<=\w) {re.escape(word)}\b", text, re.IGNORECASE):
        before = text[: match.start()]
        if len(before.split()) >= LEAST_WORDS:
            # From a word on, so that no model meets half a word.
            short = before if len(before) <= LONGEST_BEFORE else before[-LONGEST_BEFORE:].partition(" ")[2]
            return Probe(short, match.group())
    return None


def _words(texts: Sequence[str]) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = (word.lower() for text in texts for word in re.findall(r"[^\W\d_]+", text))
    return [word for word in found if len(word) >= LEAST_LETTERS and word not in ENGLISH_STOP_WORDS]
