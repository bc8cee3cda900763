"""Measures a learning curve with its progress in the terminal: points done, what is in hand, time left."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.progress import LINE_S

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from app.benchmarks.curve.arms import Point
    from app.benchmarks.curve.cache import Record
    from app.benchmarks.curve.run import Curve, Doing


class CurveBar:
    """A bar on a terminal; in a log a line for each point, and now and then one within it."""

    def __init__(self, bar: "Bar") -> None:
        self._bar = bar
        self._task = bar.add_task("preparing", total=None, place="", detail="")
        self._printed, self._shown = 0.0, ""
        self._stopping = False

    def say(self, what: str) -> None:
        """Stays until the end."""
        self._stopping = True
        self._bar.update(self._task, detail=what)
        if not self._bar.console.is_terminal:
            self._bar.console.print(what)

    def update(self, doing: "Doing") -> None:
        point = doing.point
        what = f"{doing.name}, {point.size:,} labels, seed {point.seed}"
        left = "" if doing.seconds_left is None else f"about {duration(doing.seconds_left)} left"
        place = f"{doing.done + 1}/{doing.total}"
        detail = "  ".join(filter(None, (doing.words, left)))
        if not self._stopping:
            completed = doing.done + min(1.0, doing.part)
            self._bar.update(self._task, description=what, total=doing.total, completed=completed, place=place, detail=detail)
        if not self._bar.console.is_terminal and (what != self._shown or time.monotonic() - self._printed > LINE_S):
            self._printed, self._shown = time.monotonic(), what
            self._bar.console.print(f"{place} {what}: {detail}", highlight=False, soft_wrap=True)


@contextmanager
def curve_bar() -> Iterator[CurveBar]:
    """On stderr: stdout is for the result."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[place]}  {task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield CurveBar(bar)


def measure(curve: "Curve") -> "dict[Point, Record]":
    """Every point, with a bar. The first Ctrl-C lets a training write its checkpoint, the second ends at once."""

    async def run() -> "dict[Point, Record]":
        loop = asyncio.get_running_loop()

        def ask() -> None:
            bar.say("stopping after a checkpoint; Ctrl-C again ends at once")
            curve.stop()
            loop.remove_signal_handler(signal.SIGINT)

        loop.add_signal_handler(signal.SIGINT, ask)
        loop.add_signal_handler(signal.SIGTERM, curve.stop)
        return await curve.run(bar.update)

    with curve_bar() as bar:
        return asyncio.run(run())


def duration(seconds: float) -> str:
    """As a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
