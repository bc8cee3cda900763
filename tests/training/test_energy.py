"""Energy is seconds as measured times watts as stated, and a training that was killed counts what came before."""

import time
from pathlib import Path

import pytest
import torch

from app.training import energy as module
from app.training.energy import Meter, Power, energy


def busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_watt_hours_and_price_follow_from_seconds_and_watts() -> None:
    found = energy(3600.0, 7200.0, Power(watts_per_core=20, watts_per_gpu=300, price_per_kwh=0.5))
    assert (found["energy_wh"], found["energy_cost"]) == (620.0, 0.31)
    assert found["energy_assumed"] == "20 W for each busy processor core, 300 W for each GPU all the while, 0.5 USD a kWh"


def test_it_counts_work_not_waiting_and_goes_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    first = Meter(tmp_path / "spent.json")
    time.sleep(0.3)
    busy(0.2)
    first.tick()
    assert 0.2 <= first.cpu_seconds < 0.5
    again = Meter(tmp_path / "spent.json")  # another process
    busy(0.1)
    assert 0.3 <= again.cpu_seconds < 0.6
    assert again.gpu_seconds == 0.0


def test_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "spent.json").write_text("[")
    assert Meter(tmp_path / "spent.json").cpu_seconds < 0.1
