"""Which weights are resident, who uses them, and what has to leave so that all of it stays within a budget."""

import os
import time
from dataclasses import dataclass, field
from threading import Lock

import torch

from app.catalog.catalog import ModelVersion
from app.errors import Overloaded, Unavailable


def default_budget(device: torch.device) -> int:
    """Half of the memory of the machine, or of the GPU, in bytes; the rest is for what is computed and remembered."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory) // 2
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


@dataclass
class _Entry:
    model: ModelVersion
    bytes: int
    users: int = 0
    used: float = field(default_factory=time.monotonic)


class Memory:
    """Counts bytes by version; safe to use from several threads."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._entries: dict[str, _Entry] = {}
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in [*self._entries.values()])

    def bytes_of(self, base: ModelVersion) -> int:
        """Of a standalone version and its adapters."""
        own = [entry for entry in [*self._entries.values()] if (entry.model.base or entry.model).digest == base.digest]
        return sum(entry.bytes for entry in own)

    def users_of(self, model: ModelVersion) -> int:
        entry = self._entries.get(model.digest)
        return entry.users if entry is not None else 0

    def enter(self, wanted: list[tuple[ModelVersion, int]]) -> list[ModelVersion]:
        """Count versions (a base, then its adapter) and their bytes as used; `leave` ends that.

        Returns the versions that have to be unloaded first, the least recently used of those that nobody uses. Raises
        Unavailable when they would never fit, Overloaded when they do not beside what is in use.
        """
        with self._lock:
            new = [(model, size) for model, size in wanted if model.digest not in self._entries]
            leaving = self._leaving(wanted, sum(size for _, size in new))
            for model in leaving:
                del self._entries[model.digest]
            for model, size in new:
                self._entries[model.digest] = _Entry(model, size)
            for model, _ in wanted:
                self._entries[model.digest].users += 1
        return leaving

    def leave(self, models: list[ModelVersion]) -> None:
        now = time.monotonic()
        with self._lock:
            for model in models:
                if entry := self._entries.get(model.digest):
                    entry.users -= 1
                    entry.used = now

    def forget(self, model: ModelVersion) -> None:
        """The version was unloaded, and with it its adapters."""
        with self._lock:
            for digest, entry in [*self._entries.items()]:
                own = entry.model.digest == model.digest
                if not entry.users and (own or (entry.model.base and entry.model.base.digest == model.digest)):
                    del self._entries[digest]

    def remember(self, model: ModelVersion, size: int) -> None:
        """The version was to leave, and did not."""
        with self._lock:
            self._entries.setdefault(model.digest, _Entry(model, size))

    def _leaving(self, wanted: list[tuple[ModelVersion, int]], new: int) -> list[ModelVersion]:
        needed = sum(size for _, size in wanted)
        if needed > self.budget:
            raise Unavailable(
                f"{wanted[-1][0].id} needs {_mb(needed)} and VERSUS_MODEL_MEMORY allows {_mb(self.budget)}; raise it, or serve "
                "the model elsewhere."
            )
        stay = {model.digest for model, _ in wanted}
        # A base is used whenever one of its adapters is; of equally old ones adapters come first.
        idle = [one for one in self._entries.values() if not one.users and one.model.digest not in stay]
        idle.sort(key=lambda one: (one.used, one.model.base is None))
        leaving: list[ModelVersion] = []
        over = self.bytes + new - self.budget
        for entry in idle:
            if over <= 0:
                break
            if entry.model in leaving:
                continue
            leaving.append(entry.model)
            over -= entry.bytes
            # A base takes its adapters along.
            for one in idle:
                if one.model.base and one.model.base.digest == entry.model.digest and one.model not in leaving:
                    leaving.append(one.model)
                    over -= one.bytes
        if over > 0:
            raise Overloaded(
                f"There is no room for {wanted[-1][0].id} beside the models in work; try again when they are done, or raise "
                f"VERSUS_MODEL_MEMORY ({_mb(self.budget)})."
            )
        return leaving


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
