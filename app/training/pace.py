"""How long a step of a training takes on this machine."""

import shutil
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

from torch import nn

from app.training.batch import Batches
from app.training.loop import Schedule
from app.training.processes import train


def seconds_per_step(
    model: nn.Module,
    batches: Batches,
    schedule: Schedule,
    scratch: Path,
    steps: int = 8,
    *,
    dropout: float = 0.0,
    processes: int = 1,
) -> float:
    """The median of a few, which move the weights of `model`; a step takes a batch for each of the processes."""
    marks: list[float] = []
    few = [batches[len(batches) * i // steps] for i in range(steps) for _ in range(processes)]
    shutil.rmtree(scratch, ignore_errors=True)
    train(
        model,
        few,
        schedule,
        scratch,
        processes=processes,
        dropout=dropout,
        save_every=10**6,
        on_progress=lambda _: marks.append(time.perf_counter()),
    )
    shutil.rmtree(scratch, ignore_errors=True)
    # The first step warms up; the median is not moved by one that was held up.
    return median(later - earlier for earlier, later in pairwise(marks))
