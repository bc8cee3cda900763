"""Where a training is, as a worker writes it down and a terminal shows it; without torch, so that both can name it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`seconds_left` is None until the first step is timed; `validation` is the latest macro-F1; `rows_left_out` were longer
    than the context."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds_left: float | None
    validation: float | None = None
    stage: str = "train"
    rows_left_out: int = 0


OnProgress = Callable[[Progress], None]
