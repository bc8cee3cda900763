"""Stops asking a server that fails, and tries it again after a while."""

import time

from app.errors import Unavailable

FAILURES = 5  # in a row
PAUSE_S = 10.0


class Breaker:
    """Of one server: closed while it answers; open after FAILURES in a row; after PAUSE_S one request may try."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = 0
        self._tried = 0.0

    def check(self) -> None:
        """Raises Unavailable while it is open."""
        if self._failures < FAILURES:
            return
        left = self._tried + PAUSE_S - time.monotonic()
        if left > 0:
            raise Unavailable(f"{self._name} failed {self._failures} times in a row; it is tried again in {left:.0f} s.")
        self._tried = time.monotonic()  # this one tries; the others still wait

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        self._tried = time.monotonic()
