"""The loop stops where validation no longer gets better, and keeps the weights that validation liked best."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from app.catalog.catalog import ModelVersion
from app.training.batch import Batch
from app.training.loop import Schedule, best_weights, train

SCORES = (0.2, 0.6, 0.5, 0.4, 0.9)  # what the validations say, in their order
EVERY = 3  # steps


def batches() -> list[Batch]:
    torch.manual_seed(0)
    return [Batch(torch.randint(5, 100, (2, 8)), torch.ones(2, 8)) for _ in range(EVERY * len(SCORES))]


def copy_of(model: Any) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


@pytest.fixture
def judged() -> tuple[Callable[[Any], float], list[dict[str, Tensor]]]:
    """A validation that says SCORES, and the weights that it was shown."""
    shown: list[dict[str, Tensor]] = []

    def validate(model: Any) -> float:
        shown.append(copy_of(model))
        return SCORES[len(shown) - 1]

    return validate, shown


@pytest.mark.parametrize(("patience", "steps", "best"), [(0, 15, 4), (1, 9, 1), (2, 12, 1)])
def test_it_stops_after_so_many_validations_without_a_better_one_and_the_best_weights_stay(
    patience: int, steps: int, best: int, judged: Any, base: ModelVersion, tmp_path: Path
) -> None:
    validate, shown = judged
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    done = train(model, batches(), Schedule(1e-3), tmp_path, validate=validate, validate_every=EVERY, patience=patience)
    assert (done.steps, done.best, done.best_step) == (steps, SCORES[best], EVERY * (best + 1))
    kept = best_weights(tmp_path)
    assert kept is not None
    assert all(torch.equal(kept[name], weight) for name, weight in shown[best].items() if name in kept)
    # Killed after that and started again, it has nothing left to do.
    again = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    told: list[Any] = []
    assert done == replace(
        train(
            again,
            batches(),
            Schedule(1e-3),
            tmp_path,
            validate=validate,
            validate_every=EVERY,
            patience=patience,
            on_progress=told.append,
        ),
        seconds=done.seconds,
    )
    assert told == []
    assert all(torch.equal(weight, copy_of(model)[name]) for name, weight in copy_of(again).items())
    # They are not just the last ones.
    assert patience == 0 or any(not torch.equal(kept[name], weight) for name, weight in copy_of(model).items() if name in kept)
