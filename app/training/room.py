"""How much memory and disk there is for a training, and the refusal of one that needs more."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from app.jobs.resources import has_gpu
from app.training.errors import TrainingFailed, WontFit
from app.training.estimate import Need

FULL = ("No space left", "PytorchStreamWriter failed", "Disk quota", "File too large", "file write failed")
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def free_memory() -> int | None:
    """Bytes that this process can still get: what the machine has available, or less where a control group sets a limit; None
    where the system does not tell."""
    known = [one for one in (_available(), _within_the_group()) if one is not None]
    return min(known) if known else None


def memory_without_gpu() -> int | None:
    """As `free_memory`; None where there is a GPU, whose own memory then counts."""
    return None if has_gpu() else free_memory()


def free_disk(folder: Path) -> int:
    """Bytes free where `folder` is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def folder_bytes(folder: Path) -> int:
    """What the files below `folder` hold; 0 when there is none. Files that vanish meanwhile do not count."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def check_room(need: Need, folder: Path, work: Path | None = None, memory: int | None = None) -> None:
    """Raises WontFit with both numbers. What `work` holds already is part of the need of a training that goes on. `memory` are
    the bytes there are; None: unknown, and not looked at."""
    disk = free_disk(folder) + (folder_bytes(work) if work is not None else 0)
    if need.disk > disk:
        raise WontFit(
            f"The training needs about {told(need.disk)} of disk for its checkpoints and the model, and {told(disk)} are free "
            "in the data folder; free some, or take lora or a smaller base."
        )
    if memory is not None and need.memory > memory:
        raise WontFit(
            f"The training needs about {told(need.memory)} of memory, and {told(memory)} are free; make batch_tokens smaller, "
            "or take lora, a smaller base or a larger machine."
        )


@contextmanager
def said_when_full() -> Iterator[None]:
    """Turns the many ways in which libraries tell of a full disk into TrainingFailed; what was whole before stays."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not full and not any(sign in str(error) for sign in FULL):
            raise
        raise TrainingFailed(
            "The disk became full; free some of it and start the training again: it goes on from the last whole checkpoint."
        ) from error


def told(count: int) -> str:
    """Bytes for people, in units of 1024."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "B" or size >= 100 else f"{size:,.1f} {unit}"


def _available() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _within_the_group() -> int | None:
    """Control groups of version 2; page cache that can go does not count as used."""
    try:
        most = (CGROUP / "memory.max").read_text().strip()
        if most == "max":
            return None
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        return max(0, int(most) - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):
        return None
