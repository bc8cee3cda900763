"""The temperature finds how sure a model should be, is told, and changes no decision."""

import math
import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from app.catalog.cards import CARD_FILE, read_card
from app.catalog.catalog import ModelVersion
from app.training.calibration import calibrate
from app.training.make import Rows, make_variant
from tests.training.test_make import recipe


def told(cases: int, sureness: float, seed: int = 0) -> tuple[list[Tensor], list[int]]:
    """Cases whose labels are drawn from the model's odds, which it then tells `sureness` times too loudly."""
    rng = random.Random(seed)
    true = [torch.tensor([rng.gauss(0, 1.5) for _ in range(4)]).log_softmax(-1) for _ in range(cases)]
    gold = [rng.choices(range(4), weights=odds.exp().tolist())[0] for odds in true]
    return [odds * sureness for odds in true], gold


@pytest.mark.parametrize("sureness", [0.4, 3.0])
def test_a_model_that_is_too_sure_or_too_shy_gets_the_temperature_that_undoes_it(sureness: float) -> None:
    scores, gold = told(2000, sureness)
    found = calibrate(scores, gold)
    assert found.temperature == pytest.approx(sureness, rel=0.15)
    assert found.ece_tempered < 0.04 < found.ece


def test_the_error_is_that_of_a_count_by_hand() -> None:
    # All in the bin of 0.9, and 6 of 10 right.
    scores = [torch.tensor([math.log(0.9), math.log(0.1)])] * 10
    assert calibrate(scores, [0] * 6 + [1] * 4).ece == pytest.approx(0.3)


def test_few_cases_and_cases_that_are_right_as_they_are_keep_their_probabilities() -> None:
    scores, gold = told(19, 3.0)
    assert calibrate(scores, gold).temperature == 1.0
    # Told as it is, and so few that a fitted temperature is noise: kept only where cases that it did not see gain by it.
    kept = [calibrate(*told(25, 1.0, seed)).temperature == 1.0 for seed in range(40)]
    assert sum(kept) > 15


def test_cases_that_are_all_right_are_not_made_certain() -> None:
    scores = [torch.tensor([-0.1, -3.0])] * 30
    assert calibrate(scores, [0] * 30).temperature >= 0.1


def test_a_variant_s_card_holds_its_temperature_and_what_it_is_good_for(
    base: ModelVersion, claims: Rows, tmp_path: Path
) -> None:
    # A rate at which it gets most labels right, and is far too sure of the others.
    folder = make_variant(recipe("full", epochs=6.0), claims, base, tmp_path / "made", tmp_path / "work")

    card = read_card(folder / CARD_FILE)
    measured = card.made.validation
    assert 0 <= measured["claims-type_ece_tempered"] <= 1
    said = (folder / "README.md").read_text()
    if card.tasks[0].temperature != 1.0:
        assert f"divided by a temperature of {card.tasks[0].temperature:.2f}" in said
    else:
        assert measured["claims-type_ece_tempered"] == measured["claims-type_ece"]
        assert "no temperature mended that" in said
