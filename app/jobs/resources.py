"""What this machine has that a job may need, and so which queues its worker takes by default."""

import os
from pathlib import Path

from app.jobs.names import QUEUES, TRAINING_GPU_QUEUE

GPU = Path("/dev/nvidiactl")  # there where a driver is


def has_gpu() -> bool:
    """Without torch, whose import takes seconds: there is a driver, and CUDA_VISIBLE_DEVICES does not hide every GPU."""
    return GPU.exists() and os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() not in ("", "-1")


def gpus() -> int:
    """How many of them are visible; without torch."""
    if not has_gpu():
        return 0
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    return len(shown.split(",")) if shown else len([*GPU.parent.glob("nvidia[0-9]*")])


def queues_here() -> tuple[str, ...]:
    """All that this machine can serve."""
    return tuple(queue for queue in QUEUES if queue != TRAINING_GPU_QUEUE or has_gpu())
