"""What a training drew from the wall, estimated: processor and GPU seconds as measured, times watts as the settings state."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

KEPT_S = 5.0  # between two writings: as much is not counted of a training that is killed


@dataclass(frozen=True)
class Power:
    """Watts of one busy processor core and of one busy GPU, and the price of a kilowatt-hour in US dollars."""

    watts_per_core: float = 10.0
    watts_per_gpu: float = 400.0
    price_per_kwh: float = 0.25


USUAL = Power()


class Meter:
    """Seconds of a training on all cores, and of its GPUs where there are any, over all processes that shared the file."""

    def __init__(self, path: Path, gpus: int = 1) -> None:
        self._path, self._gpus = path, gpus
        try:
            before = json.loads(path.read_text())
            self._cpu_before, self._gpu_before = float(before["cpu_seconds"]), float(before["gpu_seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            self._cpu_before = self._gpu_before = 0.0
        self._cpu, self._wall = _cpu_seconds(), time.perf_counter()
        self._kept = self._wall

    @property
    def cpu_seconds(self) -> float:
        return self._cpu_before + _cpu_seconds() - self._cpu

    @property
    def gpu_seconds(self) -> float:
        return self._gpu_before + (self._gpus * (time.perf_counter() - self._wall) if torch.cuda.is_available() else 0.0)

    def tick(self) -> None:
        """Keeps what was spent so far, now and then: a training that goes on after a kill counts what came before it."""
        if time.perf_counter() - self._kept > KEPT_S:
            self._kept = time.perf_counter()
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps({"cpu_seconds": self.cpu_seconds, "gpu_seconds": self.gpu_seconds}))
            part.replace(self._path)


def _cpu_seconds() -> float:
    """Of this process, and of the processes below it with those that they had."""
    below = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            below += sum(process.cpu_times()[:4])  # own, and of its own that ended: user, system
    return time.process_time() + below


def energy(cpu_seconds: float, gpu_seconds: float, power: Power) -> dict[str, Any]:
    """Fields of a card's `made`: seconds, watt-hours, US dollars, and what was assumed."""
    watt_hours = (cpu_seconds * power.watts_per_core + gpu_seconds * power.watts_per_gpu) / 3600
    assumed = [f"{power.watts_per_core:g} W for each busy processor core"]
    if gpu_seconds:
        assumed.append(f"{power.watts_per_gpu:g} W for each GPU all the while")
    return {
        "cpu_seconds": round(cpu_seconds, 1),
        "gpu_seconds": round(gpu_seconds, 1) if gpu_seconds else None,
        "energy_wh": round(watt_hours, 4),
        "energy_cost": round(watt_hours / 1000 * power.price_per_kwh, 6),
        "energy_assumed": f"{', '.join(assumed)}, {power.price_per_kwh:g} USD a kWh",
    }
