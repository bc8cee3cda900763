"""Do answers agree, and where do they part?"""

from collections.abc import Sequence
from itertools import combinations, zip_longest

Words = Sequence[str]


def agreement(answers: Sequence[Words | None]) -> float | None:
    """The share of pairs with the same words; None with fewer than two answers. `None` stands for no answer."""
    pairs = list(combinations([answer for answer in answers if answer is not None], 2))
    if not pairs:
        return None
    return sum(list(one) == list(other) for one, other in pairs) / len(pairs)


def first_divergence(answers: Sequence[Words | None]) -> tuple[int, list[str | None]] | None:
    """Index of the first word that is not the same in all answers, and each answer's word there; None where all agree.

    An answer that has ended has no word there, nor has one that failed, which is not compared.
    """
    present = [answer for answer in answers if answer is not None]
    for index, words in enumerate(zip_longest(*present)):
        if len(set(words)) > 1:
            return index, [answer[index] if answer is not None and index < len(answer) else None for answer in answers]
    return None
