"""A tiny real model, and labelled texts from which a curve is measured in seconds."""

import asyncio
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.benchmarks.curve.arms import Point
from app.benchmarks.curve.cache import Record
from app.benchmarks.curve.run import Curve
from app.benchmarks.curve.study import Study, make_study
from app.benchmarks.runner import Case
from app.catalog.catalog import Catalog
from app.settings import Settings
from tests.models import make_tiny_general
from tests.threads import one_thread as one_thread

WORDS = {
    "theft": ("stolen bicycle", "the thief ran", "taken from the yard"),
    "fire": ("smoke in the kitchen", "burned wall", "the fire spread"),
    "water damage": ("a pipe burst", "flooded cellar", "wet ceiling"),
}
SPLITS = {"train": 60, "validation": 20, "test": 60}
QUICK = {"batch_tokens": 512, "validations": 2, "learning_rate": 1e-2, "epochs": 6.0, "rank": 8, "alpha": 16.0}


def rows() -> dict[str, list[Case]]:
    """By split; the first label is the most frequent."""
    draws = random.Random(0)
    found: dict[str, list[Case]] = {}
    for number, (split, count) in enumerate(SPLITS.items()):
        labels = draws.choices([*WORDS], weights=(4, 2, 1), k=count)
        found[split] = [
            Case(1000 * number + place, f"{draws.choice(WORDS[label])}, case {draws.randint(1, 99)}", label)
            for place, label in enumerate(labels)
        ]
    return found


def study(sizes: str = "10,30", seeds: int = 2, limit: int | None = None, labels: tuple[str, ...] = tuple(WORDS)) -> Study:
    return make_study(
        dataset="claims@1",
        task="claims",
        instruction="What happened?",
        labels=labels,
        rows=rows(),
        sizes=sizes,
        seeds=seeds,
        limit=limit,
    )


@pytest.fixture(scope="session")
def models_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("curve-models")
    make_tiny_general(root)
    return root


@pytest.fixture
def settings(models_root: Path, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var", models_dir=models_root)


def curve_of(settings: Settings, of: Study, method: str = "full", **options: object) -> Curve:
    general = Catalog([settings.models_dir]).find("general")
    knobs = QUICK | options
    return Curve(of, method=method, base=general, general=general, settings=settings, options=knobs)  # type: ignore[arg-type]


@pytest.fixture
def make_curve(settings: Settings) -> Callable[..., Curve]:
    return partial(curve_of, settings)


@pytest.fixture(scope="session")
def measured_once(models_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a curve of 10 labels and one seed."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("measured"), models_dir=models_root)
    asyncio.run(curve_of(settings, study(sizes="10", seeds=1)).run(lambda doing: None))
    return settings.data_dir


@pytest.fixture
def ten(measured_once: Path, settings: Settings) -> dict[Point, Record]:
    """That curve, measured before in the data folder of this test."""
    shutil.copytree(measured_once, settings.data_dir)
    return curve_of(settings, study(sizes="10", seeds=1)).known()
