"""What a machine has is told without torch."""

from pathlib import Path

import pytest

from app.jobs import resources


@pytest.mark.parametrize(
    ("devices", "visible", "found"),
    [
        (0, None, 0),
        (0, "0,1", 0),  # a setting makes no GPU
        (4, None, 4),
        (4, "0,2", 2),
        (4, "", 0),
        (4, "-1", 0),
    ],
)
def test_gpus_are_those_that_are_there_and_visible(
    devices: int, visible: str | None, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["nvidiactl", "nvidia-uvm", *(f"nvidia{number}" for number in range(devices))] if devices else []
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr(resources, "GPU", tmp_path / "nvidiactl")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert resources.gpus() == found
