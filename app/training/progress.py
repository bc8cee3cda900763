"""Where a training is, as a worker writes it down and a terminal shows it; without torch, so that both can name it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`seconds_left` is None until the first step is timed; `validation` is the latest, in the unit `measure`;
    `rows_left_out` were longer than the context."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds_left: float | None
    validation: float | None = None
    stage: str = "train"
    rows_left_out: int = 0
    measure: str = "macro-F1"


OnProgress = Callable[[Progress], None]
