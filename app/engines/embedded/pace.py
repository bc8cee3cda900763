"""How fast a lane works, for telling those who are turned away when to come again."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_S = 60  # nobody is told to stay away for longer
_FADE = 0.98  # what a step counts for once the next one is done


class Pace:
    """Tokens that were begun with and the seconds of the steps, older ones counting less. Written by the lane's thread only."""

    def __init__(self) -> None:
        self._tokens = self._seconds = 0.0

    @contextmanager
    def measured(self, tokens: int) -> Iterator[None]:
        """Around one step that begins with requests of so many tokens."""
        began = time.perf_counter()
        yield
        self._tokens = self._tokens * _FADE + tokens
        self._seconds = self._seconds * _FADE + time.perf_counter() - began

    def seconds_for(self, tokens: int) -> int:
        """Until so many tokens are worked off, 1 to LONGEST_S."""
        if not self._tokens:
            return 1
        return min(LONGEST_S, max(1, math.ceil(tokens * self._seconds / self._tokens)))
