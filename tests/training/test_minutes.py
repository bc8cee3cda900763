"""A training takes the minutes that it is given: validations leave the training its share, a refit is reckoned with."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.catalog.catalog import ModelVersion
from app.training.lesson import Rows, read_lesson
from app.training.minutes import Minutes
from app.training.recipe import Recipe
from app.training.validation import Validation
from tests.training.test_make import recipe


@pytest.fixture
def scoring_takes_200_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that nothing else moves."""
    now = 0.0

    def score(self: Validation, model: object, most: int) -> float:
        nonlocal now
        now += 0.2
        return 0.5

    monkeypatch.setattr(Validation, "score", score)
    monkeypatch.setattr("app.training.minutes.time", SimpleNamespace(time=time.time, perf_counter=lambda: now))


def minutes_of(recipe: Recipe, rows: Rows, base: ModelVersion, work: Path) -> Minutes:
    return Minutes(read_lesson(recipe, base.folder, rows, base.card.context, 1), work, time.time())


@pytest.mark.usefixtures("scoring_takes_200_ms")
def test_few_validation_rows_leave_the_minutes_to_the_training(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    """What scoring them takes is reckoned by how many there are, not by how many there could be."""
    few = {name: {**splits, "validation": splits["validation"][:6]} for name, splits in claims.items()}
    minutes = minutes_of(recipe("full"), few, base, tmp_path)
    assert minutes._seconds_of_scoring(recipe("full")) == pytest.approx(2 * 0.2)  # validations, each as long as the one timed


@pytest.mark.usefixtures("scoring_takes_200_ms")
def test_validations_that_would_eat_the_minutes_are_fewer(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    minutes = minutes_of(recipe("full", validations=50, minutes=2.0 / 60), claims, base, tmp_path)
    fitted = minutes.fitted()
    assert 1 <= fitted.validations <= 4  # 0.4 of 2 s
    assert minutes.fitted() == fitted  # as a resumed training finds it


@pytest.mark.parametrize("method", ["full", "auto"])
def test_both_trainings_of_a_refit_share_the_minutes(
    method: str, base: ModelVersion, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """90 training and 30 validation rows: an epoch and its refit cost 2.33 epochs of a training without one."""
    monkeypatch.setattr(Minutes, "_seconds_per_epoch", lambda self, recipe, method: 1.0)
    monkeypatch.setattr(Minutes, "_seconds_of_scoring", lambda self, recipe: 0.01)
    fitted = {}
    for refit in (False, True):
        asked = recipe(method, epochs=1000.0, minutes=1.0, refit=refit)
        (tmp_path / str(refit)).mkdir()
        minutes = minutes_of(asked, claims, base, tmp_path / str(refit))
        fitted[refit] = minutes.fitted().epochs
        left = minutes.with_the_time_left(asked.for_method("full"), "full").epochs
        assert left >= fitted[refit]  # without the race, which is over by then
    race = 0.2 if method == "auto" else 0.0
    # Nearly: rows of validation are not of the very lengths of those of training.
    assert fitted[False] / fitted[True] == pytest.approx((2 + 30 / 90 + race) / (1 + race), rel=0.03)
