"""The benchmark runner's own client gets from the real service what it reads, under each condition of a run."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.benchmarks.asking import ModelArm, Row
from app.benchmarks.client import ServiceClient
from app.benchmarks.results import arm_result
from app.benchmarks.runner import Arm, Case, Chunk
from app.benchmarks.summary import build_summary
from app.benchmarks.tasks import built_in
from app.catalog.cards import TrainedTask
from app.catalog.catalog import Catalog
from app.database.migrations import upgrade
from app.database.tables import Prediction
from app.engines.base import Event, GenerateRequest, ScoreRequest, Scores
from app.engines.fake import FakeEngine
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake
from tests.server import serve

TASK = next(iter(built_in().values()))
CASES = [Case(at, f"a pipe burst {at} times", TASK.labels[0]) for at in range(3)]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    make_fake(tmp_path / "models", "general", context=3000)
    trained = TrainedTask(name=TASK.name, labels=TASK.labels)
    make_fake(tmp_path / "models", "custom", kind="custom", method="full", tasks=(trained,))
    make_fake(tmp_path / "models", "short", context=20)
    return tmp_path / "models"


@pytest.fixture
def service(models: Path, tmp_path: Path) -> Iterator[str]:
    settings = Settings(models_dir=models, data_dir=tmp_path / "data")
    upgrade(settings.database)
    with serve(create_app(settings)) as url:
        yield url


def answers(service: str, models: Path, name: str, condition: str, examples: list[Case] | None = None) -> list[Row]:
    version = Catalog([models]).find(name)
    arm = Arm(name=name, kind=version.card.kind, model=version.id, version=1, digest=version.digest)

    async def ask() -> list[Row]:
        async with ServiceClient(service, patience_s=1) as client:
            model = ModelArm(arm, client, TASK.name, TASK.labels, seed=0)
            return await model.answer(CASES, Chunk(name, condition, (0, 1, 2), 2), lambda _: examples or [])

    return asyncio.run(ask())


@pytest.mark.parametrize("name", ["general", "custom"])
def test_scored_cases_have_label_probabilities_mass_and_counts(service: str, models: Path, name: str) -> None:
    rows = answers(service, models, name, "base")

    for row in rows:
        assert row["label"] in TASK.labels
        assert set(row["probabilities"]) == set(TASK.labels)
        assert 0 <= row["label_mass"] <= 1
        assert set(row["label_tokens"]) == set(TASK.labels)
        assert row["calibration_temperature"] == (1.0 if name == "custom" else None)
        assert (row["completion_tokens"], row["text"], row["error"]) == (0, None, None)
        assert row["prompt_tokens"] > 0
    assert answers(service, models, name, "base")[0]["probabilities"] == rows[0]["probabilities"]


@pytest.mark.parametrize("name", ["general", "custom"])
def test_whole_likelihoods_have_a_brier_score(service: str, models: Path, name: str) -> None:
    """Of the probabilities as served where the model was trained for the task, of those per token where it was not."""
    rows = answers(service, models, name, "base")
    told = [Prediction(run_id="run_1", **row) for row in rows]
    kind = "custom" if name == "custom" else "general"
    arm = arm_result(Arm(name, kind, name), told, CASES, timed=0, per_second=None, validated=None, how="sum")
    (found,) = build_summary(TASK.name, TASK.labels, [arm], latency_note="", resamples=200)["rows"]
    served = [sum((p - (label == row["gold"])) ** 2 for label, p in row["probabilities"].items()) for row in rows]
    assert found["brier"]["n"] == len(CASES)
    assert (found["brier"]["estimate"] == pytest.approx(sum(served) / len(served))) == (name == "custom")
    assert ("per token" in found["reasons"].get("brier", "")) == (name == "general")


@pytest.mark.parametrize("name", ["general", "custom"])
def test_reruns_are_sampled_answers_that_repeat_with_their_seed(service: str, models: Path, name: str) -> None:
    rows = answers(service, models, name, "rerun-1")

    assert [row["text"] for row in answers(service, models, name, "rerun-1")] == [row["text"] for row in rows]
    for row in rows:
        assert row["label"] is None or row["label"] in TASK.labels
        assert (row["probabilities"], row["label_mass"]) == (None, None)
        assert row["completion_tokens"] > 0


def test_examples_reach_the_general_model_s_prompt(service: str, models: Path) -> None:
    plain = answers(service, models, "general", "base")
    shown = answers(service, models, "general", "base", [Case(9, "it burned down", TASK.labels[1])])

    assert all(more["prompt_tokens"] > less["prompt_tokens"] for more, less in zip(shown, plain, strict=True))


def test_a_case_too_long_for_the_model_is_a_row_with_its_reason(service: str, models: Path) -> None:
    for condition in ("base", "rerun-1"):
        (row, *_) = answers(service, models, "short", condition)
        assert row["label"] is None
        assert "at most 20" in row["error"]


def test_no_answer_comes_from_a_cache(service: str, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = {"score": 0, "generate": 0}
    score, generate = FakeEngine.score, FakeEngine.generate

    async def counted_score(self: FakeEngine, request: ScoreRequest) -> Scores:
        computed["score"] += 1
        return await score(self, request)

    async def counted_generate(self: FakeEngine, request: GenerateRequest) -> AsyncIterator[Event]:
        computed["generate"] += 1
        async for event in generate(self, request):
            yield event

    monkeypatch.setattr(FakeEngine, "score", counted_score)
    monkeypatch.setattr(FakeEngine, "generate", counted_generate)
    for _ in range(2):
        answers(service, models, "custom", "base")  # the very same cases, twice
    for _ in range(3):
        answers(service, models, "custom", "rerun-1")  # with the very same seeds
    assert computed == {"score": 2 * len(CASES), "generate": 3 * len(CASES)}
