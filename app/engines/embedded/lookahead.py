"""Guesses how an answer goes on, so that one step may yield several of its tokens: answers repeat their prompts and themselves.

The step that reads the newest token reads the guessed ones behind it too, and each next token is drawn as ever, from the
logits behind the one before; where a drawn token is the guessed one, the logits behind it are there already. A wrong guess
costs a row of the step and changes no token (A. Saxena, "Prompt Lookup Decoding", 2023).
"""

from collections.abc import Iterable

# A product of four rows costs about what a product of one costs: so many rows has a step whose answers are few.
CHEAP_ROWS = 4


class Lookahead:
    """The text of one answer with its prompt, by where each pair of tokens last stood."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._behind: dict[tuple[int, int], int] = {}  # a pair -> where the text goes on behind it
        for token in tokens:
            self.push(token)

    def push(self, token: int) -> None:
        """The text goes on with `token`; what stands behind its pair is known when more follows."""
        if len(self._tokens) > 1:
            self._behind[self._tokens[-2], self._tokens[-1]] = len(self._tokens)
        self._tokens.append(token)

    def guess(self, most: int) -> list[int]:
        """At most so many tokens, as the text went on when its last two tokens stood there before."""
        place = self._behind.get((self._tokens[-2], self._tokens[-1])) if len(self._tokens) > 1 else None
        found: list[int] = []
        while place is not None and len(found) < most:
            behind = place - len(self._tokens)
            found.append(self._tokens[place] if behind < 0 else found[behind])
            place += 1
        return found
