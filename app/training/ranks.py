"""What the processes that train one model say to each other; where one trains alone this changes nothing and costs nothing.

A step takes one planned batch for each process, so that `batches_of` names the batches of a step.
"""

from typing import TypeVar

import torch.distributed
from torch import Tensor

T = TypeVar("T")


def count() -> int:
    """Processes that train together."""
    return torch.distributed.get_world_size() if _several() else 1


def number() -> int:
    """Of this process, from 0."""
    return torch.distributed.get_rank() if _several() else 0


def first() -> bool:
    """Whether this is the one that validates, tells and writes."""
    return number() == 0


def steps_of(batches: int, processes: int) -> int:
    """Steps of so many batches; in the last one some processes may have none."""
    return -(-batches // processes)


def batches_of(step: int, batches: int) -> range:
    """Which of `batches` all processes together take in step `step`, counted from 1."""
    return range((step - 1) * count(), min(step * count(), batches))


def told(value: T) -> T:
    """What the first process has for `value`, in every process."""
    if not _several():
        return value
    given = [value]
    torch.distributed.broadcast_object_list(given, src=0, device=torch.device("cpu"))
    return given[0]


def summed(numbers: Tensor) -> Tensor:
    """The sum over all processes, alike in each."""
    if _several():
        torch.distributed.all_reduce(numbers)
    return numbers


def wait_for_all() -> None:
    if _several():
        torch.distributed.barrier()


def _several() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
