"""What commands show: a training's bar with loss, speed and time left; a run's table; and how they end on a failure."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from app.errors import VersusError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bar
    from rich.table import Table

    from app.training.progress import Progress

LINE_S = 10.0  # between two lines where no terminal redraws them
NARROWEST, WIDE = 96, 150  # columns that a table needs with its intervals below their numbers, and beside them


class TrainingBar:
    """Takes a training's progress; a bar on a terminal, now and then a line in a log."""

    def __init__(self, bar: "Bar") -> None:
        self._bar = bar
        self._task = bar.add_task("preparing", total=None, detail="")
        self._printed = 0.0
        self._shown: Progress | None = None

    def say(self, what: str) -> None:
        self._bar.update(self._task, description=what, total=None, completed=0, detail="")
        if not self._bar.console.is_terminal:
            self._bar.console.print(what)

    def update(self, progress: "Progress") -> None:
        left = "" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left"
        score = "" if progress.validation is None else f"validation {progress.validation:.3f} {progress.measure}"
        parts = (f"loss {progress.loss:.3f}", score, f"{progress.tokens_per_second:,.0f} tokens/s", left)
        detail = "  ".join(filter(None, parts))
        self._bar.update(self._task, description=progress.stage, total=progress.steps, completed=progress.step, detail=detail)
        last = progress.step == progress.steps and self._shown != progress
        if not self._bar.console.is_terminal and (last or time.monotonic() - self._printed > LINE_S):
            self._printed = time.monotonic()
            self._bar.console.print(f"{progress.stage} {progress.step}/{progress.steps}  {detail}")
        self._shown = progress


@contextmanager
def training_bar() -> Iterator[TrainingBar]:
    """On stderr: stdout is for the result."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}  {task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield TrainingBar(bar)


def fail(error: VersusError) -> NoReturn:
    """The sentence on stderr, exit code 2."""
    sys.stderr.write(f"{error.message}\n")
    raise typer.Exit(2) from error


def add_row(table: "Table", *cells: str | None) -> None:
    """Cells as they are: brackets in a text are no markup."""
    from rich.text import Text

    table.add_row(*(Text(cell or "") for cell in cells))


def print_table(table: "RenderableType", console: "Console") -> None:
    """With all of its columns: wide in a file, and on a narrow terminal wrapped rather than cut off."""
    from rich.console import Console

    least = NARROWEST if console.is_terminal else WIDE
    # `print` takes no width above the console's own.
    Console(file=console.file, force_terminal=console.is_terminal, width=max(console.width, least)).print(table)
