"""Points are measured by real trainings and a real engine: each once, never lost, and as the service would answer."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.benchmarks.curve import custom as custom_module
from app.benchmarks.curve import run as run_module
from app.benchmarks.curve.arms import Point, decode
from app.benchmarks.curve.cache import Record
from app.benchmarks.curve.data import read_study
from app.benchmarks.curve.judge import Judge
from app.benchmarks.curve.run import Curve, Doing
from app.benchmarks.curve.study import Study
from app.benchmarks.curve.summary import build_summary
from app.benchmarks.scorers import accuracy
from app.catalog.catalog import Catalog
from app.errors import SetupError, Unprocessable
from app.settings import Settings
from app.training.errors import TrainingStopped
from tests.benchmarks.curve.conftest import WORDS, study

ROOT = Path(__file__).parents[3]
Make = Callable[..., Curve]


def run(curve: Curve, seen: list[Doing] | None = None) -> dict[Point, Record]:
    return asyncio.run(curve.run((seen if seen is not None else []).append))


def measured(seen: list[Doing]) -> set[Point]:
    return {doing.point for doing in seen}


def test_every_arm_is_measured_at_every_size_and_seed_and_custom_learns(make_curve: Make, settings: Settings) -> None:
    of = study(sizes="10,60", seeds=1)
    seen: list[Doing] = []
    known = run(make_curve(of, epochs=15.0), seen)

    assert len(known) == 5 * 2
    assert {len(record.answers) for record in known.values()} == {60}
    gold = [case.gold for case in of.test]
    reached = {point: accuracy(gold, decode(record.answers, of.labels)) for point, record in known.items()}
    assert reached[Point("custom", 60, 0)] > reached[Point("majority", 60, 0)] > 0.4
    facts = known[Point("custom", 60, 0)].facts
    assert (facts["learned_from"], facts["chosen_on"], facts["method"]) == (48, 12, "full")
    assert known[Point("few-shot", 60, 0)].facts["chosen_on"] == 60 - 30  # half of the labels may be shown
    assert seen[-1].done == 9
    assert seen[-1].seconds_left is not None


def test_no_model_and_no_checkpoint_is_left_and_no_text_is_kept(ten: dict[Point, Record], settings: Settings) -> None:
    of = study()
    assert len(ten) == 5
    assert list((settings.data_dir / "learning-curves" / "work").iterdir()) == []
    assert [version.name for version in Catalog([settings.models_dir, settings.made_models_dir]).versions()] == ["general"]
    kept = "".join(path.read_text() for path in settings.data_dir.rglob("*.json"))
    assert not [case.text for case in (*of.pool, *of.test) if case.text in kept]


def test_what_is_known_is_not_measured_again_and_more_sizes_and_seeds_measure_only_those(
    ten: dict[Point, Record], make_curve: Make
) -> None:
    seen: list[Doing] = []
    assert run(make_curve(study(sizes="10", seeds=1)), seen) == ten
    assert seen == []

    more = run(make_curve(study(sizes="10,20", seeds=2)), seen)
    assert ten.items() <= more.items()
    assert not measured(seen) & ten.keys()
    assert len(measured(seen)) == 5 * 3


def test_another_method_trains_anew_and_asks_nothing_else_again(ten: dict[Point, Record], make_curve: Make) -> None:
    seen: list[Doing] = []
    known = run(make_curve(study(sizes="10", seeds=1), method="lora"), seen)
    assert measured(seen) == {Point("custom", 10, 0)}
    assert known[Point("custom", 10, 0)].facts["method"] == "lora"


@pytest.mark.parametrize(
    ("of", "options", "left"),
    [
        pytest.param(study(sizes="10", seeds=1, limit=30), {}, 0, id="another test"),
        pytest.param(study(sizes="10", seeds=1, labels=tuple(sorted(["other", *WORDS]))), {}, 0, id="another label"),
        pytest.param(study(sizes="10", seeds=1), {"learning_rate": 2e-2}, 4, id="another recipe"),
    ],
)
def test_a_point_is_known_only_by_all_that_decides_its_answers(
    ten: dict[Point, Record], make_curve: Make, of: Study, options: dict[str, object], left: int
) -> None:
    assert len(make_curve(of, **options).known()) == left


def test_a_record_that_cannot_be_read_is_measured_again(ten: dict[Point, Record], make_curve: Make, settings: Settings) -> None:
    for path in settings.data_dir.rglob("points/*/*.json"):
        path.write_text(path.read_text()[:-9])
    assert make_curve(study(sizes="10", seeds=1)).known() == {}


def test_stopped_in_a_training_it_goes_on_from_there(make_curve: Make, settings: Settings) -> None:
    of = study(sizes="60", seeds=1)
    curve = make_curve(of)

    def stop_at_step_7(doing: Doing) -> None:
        if doing.words.startswith("train 7/"):
            curve.stop()

    with pytest.raises(TrainingStopped):
        asyncio.run(curve.run(stop_at_step_7))
    assert list(settings.data_dir.rglob("checkpoint-7/complete"))

    seen: list[Doing] = []
    run(make_curve(of), seen)
    assert measured(seen) == {Point("custom", 60, 0)}
    steps = [doing.words for doing in seen if doing.words.startswith("train")]
    assert steps[0].startswith("train 8/")


def test_trainings_that_come_to_the_same_weights_are_each_asked(make_curve: Make) -> None:
    """Of one digest, in folders of which the first is gone: what a step without a learning rate leaves of the base."""
    known = run(make_curve(study(sizes="10,20", seeds=1), learning_rate=1e-12))
    assert len({tuple(known[Point("custom", size, 0)].answers) for size in (10, 20)}) == 1


def test_two_runs_on_one_folder_are_refused(make_curve: Make, settings: Settings) -> None:
    curve = make_curve(study(sizes="10", seeds=1))
    with run_module._alone(settings.data_dir / "learning-curves"), pytest.raises(SetupError, match="Another learning curve"):
        run(curve)


def test_a_base_or_a_general_model_that_cannot_be_one_is_refused(make_curve: Make, settings: Settings) -> None:
    general = Catalog([settings.models_dir]).find("general")
    from dataclasses import replace

    adapter = replace(general, card=general.card.model_copy(update={"method": "lora", "parent": "general@1"}))
    elsewhere = replace(general, card=general.card.model_copy(update={"engine": "fake"}))
    custom = replace(general, card=general.card.model_copy(update={"kind": "custom"}))
    for base, other, words in (
        (adapter, general, "is an adapter; name general@1"),
        (elsewhere, general, "are not here"),
        (general, custom, "name the general one"),
    ):
        with pytest.raises(Unprocessable, match=words):
            Curve(study(), method="full", base=base, general=other, settings=settings)


def test_time_left_is_known_once_each_kind_was_timed_or_by_the_minutes(make_curve: Make, settings: Settings) -> None:
    curve = make_curve(study(sizes="10,20", seeds=2))
    assert curve.seconds_left({}) is None
    curve.minutes = 0.5
    timed = {Point(kind, 10, 0): Record([], 2.0, {}) for kind in ("majority", "classical", "zero-shot", "few-shot")}
    assert curve.seconds_left(timed) == 4 * 3 * 2.0 + 4 * 30
    assert curve.seconds_left(timed, spent=40) == 4 * 3 * 2.0 + 4 * 30 - 40


def test_few_rows_are_looked_at_more_often_and_many_less(make_curve: Make) -> None:
    custom = make_curve(study()).arms[-1]
    assert isinstance(custom, custom_module.Custom)
    custom._options = {}
    epochs = [custom._recipe(size, 0).epochs for size in (50, 1000, 2000, 50_000)]
    assert epochs == [15, 15, 10, 4]


def test_where_no_example_fits_few_shot_is_zero_shot_and_the_test_is_not_asked_again(
    make_curve: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instruction leaves room in the context for the text alone."""
    curve = make_curve(replace(study(sizes="10", seeds=1), instruction="What happened? " * 18))
    zero_shot, few_shot = curve.arms[2:4]

    async def answers() -> None:
        labels, facts = await zero_shot.answer(10, 0, tmp_path, lambda *_: None)
        assert None not in labels
        monkeypatch.delattr(Judge, "label")
        assert await few_shot.answer(10, 0, tmp_path, lambda *_: None) == (labels, {"shots": 0, **facts})

    asyncio.run(answers())


def test_what_is_measured_is_what_the_service_answers(make_curve: Make, settings: Settings) -> None:
    """The general model with examples, and the custom model of a point, asked over /v1/classify."""
    import httpx

    from app.database.migrations import upgrade
    from app.main import create_app
    from app.training.make import make_variant

    of = study(sizes="60", seeds=1)
    curve = make_curve(of)
    known = run(curve)
    custom = curve.arms[-1]
    assert isinstance(custom, custom_module.Custom)
    part = of.subset(60, 0)
    rows = {"claims": {"train": custom_module._rows(part.train), "validation": custom_module._rows(part.held_out)}}
    recipe = custom._recipe(60, 0).model_copy(update={"name": "same"})
    make_variant(recipe, rows, curve.base, settings.made_models_dir, settings.data_dir / "work")
    shots = known[Point("few-shot", 60, 0)].facts
    examples, _ = curve.arms[3]._parts(60, 0)  # type: ignore[attr-defined]
    shown = [{"text": case.text, "label": case.gold} for case in examples[: shots["shots"]]]
    asked = {
        Point("custom", 60, 0): {"model": "same", "task": "claims"},
        Point("few-shot", 60, 0): {
            "model": "general",
            "labels": list(of.labels),
            "instruction": of.instruction,
            "examples": shown,
            "scoring": shots["scoring"],
        },
        Point("zero-shot", 60, 0): {
            "model": "general",
            "labels": list(of.labels),
            "instruction": of.instruction,
            "scoring": known[Point("zero-shot", 60, 0)].facts["scoring"],
        },
    }
    upgrade(settings.database)
    app = create_app(settings.model_copy(update={"embedded_worker": False}))

    async def answers() -> dict[Point, list[str]]:
        transport = httpx.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            found = {}
            for point, body in asked.items():
                answer = await client.post("/v1/classify", json={**body, "input": [case.text for case in of.test]})
                assert answer.status_code == 200, answer.text
                found[point] = [result["label"] for result in answer.json()["results"]]
            return found

    for point, labels in asyncio.run(answers()).items():
        assert labels == decode(known[point].answers, of.labels), point


def test_killed_in_a_training_the_command_goes_on_to_the_same_answers(
    models_root: Path, settings: Settings, tmp_path: Path
) -> None:
    """SIGKILL in the middle of a point; what was measured before it is not measured again."""
    of = study(sizes="60", seeds=1)
    csv = tmp_path / "claims.csv"
    csv.write_text("\n".join(["text,label", *(f'"{case.text}",{case.gold}' for case in (*of.pool, *of.test))]))
    here = {"VERSUS_DATA_DIR": str(settings.data_dir), "VERSUS_MODELS_DIR": str(models_root), "OMP_NUM_THREADS": "1"}
    environment = os.environ | here | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "app.cli"]
    subprocess.run([*command, "data", "add", str(csv)], env=environment, check=True, stdout=subprocess.DEVNULL)
    curve = [*command, "learning-curve", "claims", "--sizes", "60", "--seeds", "1", "--json", "--out", str(tmp_path / "out")]

    folder = settings.data_dir / "learning-curves"
    child = subprocess.Popen(curve, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(folder.rglob("checkpoint-*/complete")):
        assert child.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    before = {path.name: path.stat().st_mtime_ns for path in folder.rglob("points/*/*.json")}
    assert before

    done = subprocess.run(curve, env=environment, check=True, capture_output=True, text=True)
    assert "majority" not in done.stderr
    assert "train 1/" not in done.stderr
    after = {path.name: path.stat().st_mtime_ns for path in folder.rglob("points/*/*.json")}
    assert before.items() <= after.items()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"curve.svg", "curve.md", "curve.json"}

    # Unbroken, in this process, on the rows as the dataset has them.
    same = asyncio.run(read_study(settings.database, "claims", task=None, sizes="60", seeds=1, limit=500))
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "unbroken"})
    general = Catalog([models_root]).find("general")
    unbroken = run(Curve(same, method="full", base=general, general=general, settings=elsewhere))
    broken = Curve(same, method="full", base=general, general=general, settings=settings).known()
    assert broken.keys() == unbroken.keys()
    for point, record in broken.items():
        assert record.answers == unbroken[point].answers, point


def test_the_summary_names_what_a_reader_must_know(make_curve: Make) -> None:
    of = study(sizes="2,30", seeds=1)
    curve = make_curve(of)
    summary = build_summary(curve, run(curve))
    notes = "\n".join(summary["notes"])
    assert "2 labels leave 1 of 3 classes without a row" in notes
    assert "At 2 labels none could be held out" in notes
    assert summary["points"][0]["missing_labels"] == ["water damage"]
    assert summary["points"][1]["arms"]["custom"]["accuracy"]["seed_sd"] is None
    json.dumps(summary, allow_nan=False)
