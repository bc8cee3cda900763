"""Does a model decide the same again: over fresh reruns with sampling on, and under rewordings that keep the meaning."""

import random
import re
from collections.abc import Callable, Hashable, Mapping, Sequence

from app.benchmarks.scorers import Label
from app.benchmarks.statistics import Interval, proportion

Clusters = Sequence[Hashable] | None  # what each case belongs to

# ---- Agreement


def tara(labels_per_case: Sequence[Sequence[Label]], clusters: Clusters = None) -> Interval:
    """TARa@N: the share of cases that got the same answer in all N fresh calls (Atil et al., arXiv 2408.04667).

    An unparsed answer (None) is no decision: such a case counts as not agreeing, even when every call failed alike.
    Every case has the same N of at least 2: one answer agrees with itself and tells nothing.
    """
    repeats = {len(answers) for answers in labels_per_case}
    if len(repeats) != 1 or min(repeats) < 2:
        raise ValueError(f"every case needs the same number of answers, at least 2; got {sorted(repeats)}")
    agreeing = [answers[0] is not None and len(set(answers)) == 1 for answers in labels_per_case]
    return proportion(agreeing, clusters)


def flip_rate(base: Sequence[Label], reworded: Sequence[Label], clusters: Clusters = None) -> Interval:
    """Share of cases whose decision changed with the wording; no decision on either side counts as changed."""
    return proportion([before is None or before != after for before, after in zip(base, reworded, strict=True)], clusters)


def worst_wording_accuracy(
    gold: Sequence[str], wordings: Mapping[str, Sequence[Label]], clusters: Clusters = None
) -> tuple[str, Interval]:
    """The wording that a model answers worst, and its accuracy there (the first of equals)."""
    correct = {
        name: [right == answer for right, answer in zip(gold, predicted, strict=True)] for name, predicted in wordings.items()
    }
    worst = min(correct, key=lambda name: sum(correct[name]))
    return worst, proportion(correct[worst], clusters)


# ---- Rewordings: deterministic in (text, seed), the same for every arm, and no digit is ever touched


def _draws(name: str, text: str, seed: int) -> random.Random:
    return random.Random(f"{name}\0{seed}\0{text}")


def change_case(text: str, seed: int = 0) -> str:
    """Another hand at the keyboard: all capitals or all small, and punctuation dropped at the end of words."""
    draws = _draws("case", text, seed)
    reworded = re.sub(r"[,;:!](?=\s|$)|\.(?=\s*$)", "", text)
    first, second = (str.upper, str.lower) if draws.random() < 0.5 else (str.lower, str.upper)
    # What is written in one case already gets the other.
    return second(reworded) if first(reworded) == reworded else first(reworded)


def add_typos(text: str, seed: int = 0, share: float = 0.06) -> str:
    """Two neighbours swapped or one letter dropped in about 6 % of the words, at least one; never in a word with a digit."""
    draws = _draws("typos", text, seed)
    pieces = re.split(r"(\s+)", text)
    words = [i for i, piece in enumerate(pieces) if re.search(r"[^\W\d_]{4}", piece) and not re.search(r"\d", piece)]
    count = min(len(words), max(1, round(share * sum(bool(piece.strip()) for piece in pieces))))
    for index in draws.sample(words, count):
        pieces[index] = _misspell(pieces[index], draws)
    return "".join(pieces)


def _misspell(word: str, draws: random.Random) -> str:
    """One slip after the first letter of the longest run of letters, as fingers make them."""
    run = max(re.finditer(r"[^\W\d_]+", word), key=lambda match: len(match.group()))
    swaps = [i for i in range(run.start() + 1, run.end() - 1) if word[i] != word[i + 1]]
    if swaps and draws.random() < 0.5:
        at = draws.choice(swaps)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    at = draws.randrange(run.start() + 1, run.end())
    return word[:at] + word[at + 1 :]


_FRAMES = (
    ("Please review the following. ", " Thank you."),
    ("Hello, this came in today. ", " Thanks in advance."),
    ("For your attention: ", " Kind regards."),
    ("See the text below, as received. ", " Let me know if anything is unclear."),
)


def add_framing(text: str, seed: int = 0) -> str:
    """Polite words around the text; its sentences and fields keep their order and their spelling."""
    before, after = _draws("framing", text, seed).choice(_FRAMES)
    return f"{before}{text.strip()}{after}"


REWORDINGS: dict[str, Callable[[str, int], str]] = {"case": change_case, "typos": add_typos, "framing": add_framing}
