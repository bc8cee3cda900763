"""Where bfloat16 is the quick type a training multiplies in it, keeps its weights in float32, and ends near one in float32."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from app.catalog.catalog import ModelVersion
from app.training import full, loop, lora, optimizer
from app.training.batch import Batch
from app.training.loop import Schedule, last_checkpoint, train
from tests.training.test_make import recipe

STEPS = 12


def batches() -> list[Batch]:
    """The same few rows again and again, so that there is something to learn."""
    torch.manual_seed(0)
    rows = torch.randint(5, 100, (4, 8))
    return [Batch(rows, torch.ones(4, 8)) for _ in range(STEPS)]


class Killed(BaseException):
    """Like SIGKILL: nothing of the training's own code runs after it."""


class Training:
    """Of one method; the loss of each step that was told, and the types that its linear layers computed in."""

    def __init__(self, method: str, base: ModelVersion) -> None:
        model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
        torch.manual_seed(0)
        self.model = (lora if method == "lora" else full).adapt(model, recipe(method))
        self.losses: dict[int, float] = {}
        self.types: set[torch.dtype] = set()
        layer = next(module for name, module in self.model.named_modules() if name.endswith("mlp.up_proj"))
        layer.register_forward_hook(lambda module, inputs, output: self.types.add(output.dtype))

    def run(self, folder: Path, kill_at: int | None = None) -> None:
        def tell(progress: Any) -> None:
            self.losses[progress.step] = progress.loss
            if progress.step == kill_at:
                raise Killed

        train(self.model, batches(), Schedule(1e-2), folder, save_every=4, on_progress=tell)

    @property
    def weights(self) -> dict[str, Tensor]:
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_training_in_bfloat16_is_killed_resumes_and_ends_near_the_loss_of_float32(
    method: str, base: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def multiply_in(quick: torch.dtype) -> None:
        for module in (loop, optimizer):
            monkeypatch.setattr(module, "fast_type", lambda: quick)

    multiply_in(torch.float32)
    plain = Training(method, base)
    plain.run(tmp_path / "float32")
    multiply_in(torch.bfloat16)
    unbroken, cut, resumed = (Training(method, base) for _ in range(3))
    unbroken.run(tmp_path / "unbroken")
    with pytest.raises(Killed):
        cut.run(tmp_path / "cut", kill_at=7)
    assert last_checkpoint(tmp_path / "cut") == str(tmp_path / "cut" / "checkpoint-4")
    resumed.run(tmp_path / "cut")

    assert (plain.types, unbroken.types) == ({torch.float32}, {torch.bfloat16})
    assert {weight.dtype for weight in unbroken.weights.values()} == {torch.float32}
    assert min(resumed.losses) == 5
    assert all(torch.equal(weight, resumed.weights[name]) for name, weight in unbroken.weights.items())
    assert all(bool(weight.isfinite().all()) for weight in unbroken.weights.values())
    assert unbroken.losses != plain.losses
    assert unbroken.losses[STEPS] == pytest.approx(plain.losses[STEPS], rel=0.03)
    assert unbroken.losses[STEPS] < unbroken.losses[1] - 0.3
