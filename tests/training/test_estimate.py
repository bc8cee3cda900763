"""What a training needs is told before it starts, near what it then takes; one that does not fit is refused."""

import json
import os
import subprocess
import sys
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from app.catalog.catalog import ModelVersion
from app.cli import train as cli
from app.training import dry_run, room, routes, workshop
from app.training.errors import WontFit
from app.training.estimate import Need, need, read_shape
from app.training.make import Rows, make_variant
from app.training.room import check_room, folder_bytes, free_memory, told
from tests.training.test_make import recipe
from tests.training.world import OPTIONS, World

ROOT = Path(__file__).parents[2]
Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("method", ["lora", "full", "auto", "scratch"])
def test_the_disk_that_a_training_takes_is_at_most_what_was_told_and_not_much_less(
    method: str, base: ModelVersion, claims: Rows, tmp_path: Path
) -> None:
    most = 0

    def look(_: object) -> None:
        nonlocal most
        most = max(most, folder_bytes(tmp_path))

    make_variant(recipe(method), claims, base, tmp_path / "made", tmp_path / "work", on_progress=look)
    # The files beside the weights (tokenizer, states) are the better part of so tiny a model's.
    assert most / 4 < need(recipe(method), base).disk + 2**20 < most * 4 + 2**22


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the peak of a process by /proc")
@pytest.mark.parametrize(("method", "batch_tokens"), [("lora", 4096), ("full", 2048)])
def test_the_memory_of_a_training_of_the_model_in_the_box_is_near_what_was_told(method: str, batch_tokens: int) -> None:
    script = f"""
import json, tempfile
from pathlib import Path
import torch
import app.training.make as make
from app.catalog.catalog import Catalog
from app.training.estimate import need
from tests.training.conftest import rows
from tests.training.test_make import recipe
torch.set_num_threads(1)
base = Catalog([Path("models")]).find("general")
made = recipe({method!r}, batch_tokens={batch_tokens}, epochs=0.2, validations=1, prompt_weight=0.0)
texts = {{"claims-type": {{"train": rows(900), "validation": rows(30, seed=1)}}}}
def peak():  # bytes; not ru_maxrss, which begins with that of the process that started this one
    return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
with tempfile.TemporaryDirectory() as folder:
    make.make_variant(made, texts, base, Path(folder) / "made", Path(folder) / "work")
print(json.dumps([peak() - before, need(made, base, row_tokens=15_000, longest=30).memory]))
"""
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert run.returncode == 0, run.stderr
    taken, estimated = json.loads(run.stdout.splitlines()[-1])
    assert taken / 1.5 < estimated < taken * 3


def test_a_training_that_does_not_fit_is_refused_with_both_numbers_and_leaves_nothing(
    base: ModelVersion, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: Usage(0, 0, 1000))
    with pytest.raises(WontFit, match=r"needs about .* of disk .* 1,000 B are free"):
        make_variant(recipe("lora"), claims, base, tmp_path / "made", tmp_path / "work")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: Usage(0, 0, 2**60))
    monkeypatch.setattr(workshop, "free_memory", lambda: 1000)
    with pytest.raises(WontFit, match=r"needs about .* of memory, and 1,000 B are free; make batch_tokens smaller"):
        make_variant(recipe("lora"), claims, base, tmp_path / "made", tmp_path / "work")
    assert not list((tmp_path / "made").iterdir())


def test_what_the_working_folder_holds_already_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoint").write_bytes(bytes(5000))
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: Usage(0, 0, 1000))
    check_room(Need(0, 5500), tmp_path, tmp_path)
    with pytest.raises(WontFit):
        check_room(Need(0, 5500), tmp_path)


def test_the_limit_of_a_control_group_counts_where_it_is_nearer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("max", "1000000"), ("current", "700000"), ("stat", "anon 5\ninactive_file 100000\n")):
        (tmp_path / f"memory.{name}").write_text(value)
    monkeypatch.setattr(room, "CGROUP", tmp_path)
    assert free_memory() == 400_000
    (tmp_path / "memory.max").write_text("max\n")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 10 kB\nMemAvailable: 8 kB\n")
    monkeypatch.setattr(room, "MEMINFO", meminfo)
    assert free_memory() == 8192


def test_sizes_are_read_in_the_words_of_several_architectures(tmp_path: Path) -> None:
    llama = {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128, "vocab_size": 300}
    gpt2 = {"n_embd": 64, "n_layer": 2, "n_inner": None, "vocab_size": 300}
    shapes = []
    for config in (llama, gpt2, {"text_config": llama}):
        (tmp_path / "config.json").write_text(json.dumps(config))
        shapes.append(read_shape(tmp_path, 10))
    assert [shape.mlp for shape in shapes] == [128, 256, 128]
    assert {(shape.hidden, shape.layers, shape.vocabulary) for shape in shapes} == {(64, 2, 300)}


@pytest.mark.parametrize(("count", "says"), [(5, "5 B"), (1000, "1,000 B"), (2048, "2.0 KiB"), (300 * 2**30, "300 GiB")])
def test_bytes_are_told_in_a_unit_that_suits(count: int, says: str) -> None:
    assert told(count) == says


def test_an_estimate_over_http_tells_rows_cut_and_starts_nothing(world: World) -> None:
    long = "".join(json.dumps({"text": text * n, "label": label}) + "\n" for n in (1, 900) for text, label in ROWS)
    assert world.client.post("/v1/datasets", files={"file": ("long.jsonl", long.encode())}).status_code == 201
    tasks = [{"name": "long", "dataset": "long"}]
    body = {"name": "claims", "method": "full", "tasks": tasks, "options": OPTIONS}
    response = world.client.post("/v1/training-runs/estimate", json=body)
    assert response.status_code == 200, response.text
    found = response.json()
    (task,) = found["tasks"]
    assert task["left_out"] > 0
    assert found["refused"] is None
    assert found["steps"] > 0
    assert 0 <= found["padding"] < 1
    assert world.client.get("/v1/training-runs").json()["data"] == []
    text = cli.estimate_text(found)
    assert f"{task['left_out']:,} rows are longer than" in text
    assert text.endswith("It fits; nothing was started.")


ROWS = [(f"{word} number {n}", label) for n in range(30) for word, label in (("stolen", "theft"), ("burned", "fire"))]


def test_a_run_that_will_not_fit_is_refused_at_the_door(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: Usage(0, 0, 1000))
    body = {"name": "claims", "method": "full", "tasks": [{"name": "desk", "dataset": "desk"}]}
    refused = world.client.post("/v1/training-runs", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "will_not_fit")
    assert "of disk" in refused.json()["error"]["message"]
    assert world.client.get("/v1/training-runs").json()["data"] == []
    assert world.client.post("/v1/training-runs/estimate", json=body).json()["refused"].startswith("The training needs about")


def test_what_waits_or_runs_already_is_found_again_though_it_leaves_no_room_for_another(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = {"name": "claims", "method": "lora", "tasks": [{"name": "desk", "dataset": "desk"}], "options": OPTIONS}
    first = world.client.post("/v1/training-runs", json=body)
    monkeypatch.setattr(routes, "memory_without_gpu", lambda: 1000)
    again = world.client.post("/v1/training-runs", json=body)
    assert (first.status_code, again.status_code, again.json()["id"]) == (202, 200, first.json()["id"])
    # It waits for any worker; the same for a GPU alone would be another queue.
    moved = world.client.post("/v1/training-runs", json=body | {"gpu": True})
    assert moved.status_code == 409
    assert f"waits as {first.json()['id']} for a worker of 'training'" in moved.json()["error"]["message"]


def test_only_the_worker_knows_the_memory_of_a_gpu(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes, "memory_without_gpu", lambda: 1000)
    body = {"name": "claims", "method": "full", "tasks": [{"name": "desk", "dataset": "desk"}], "options": OPTIONS}
    refused, taken = (
        world.client.post("/v1/training-runs/estimate", json=body | more).json()["refused"] for more in ({}, {"gpu": True})
    )
    assert refused.startswith("The training needs about")
    assert taken is None


def test_others_reach_the_database_while_an_estimate_is_made(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = Event(), Event()
    real = dry_run.dry_run

    def slow(*given: Any, **more: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return real(*given, **more)

    monkeypatch.setattr(dry_run, "dry_run", slow)
    body = {"name": "claims", "tasks": [{"name": "desk", "dataset": "desk"}], "options": OPTIONS}
    with ThreadPoolExecutor(1) as beside:
        estimate = beside.submit(world.client.post, "/v1/training-runs/estimate", json=body)
        try:
            assert begun.wait(30)
            assert world.client.post("/v1/training-runs", json=body).status_code == 202  # a write, not just a read
        finally:
            go_on.set()
        assert estimate.result().status_code == 200


def test_a_base_that_does_not_exist_is_told_at_once(world: World) -> None:
    body = {"name": "claims", "base": "generl", "tasks": [{"name": "desk", "dataset": "desk"}]}
    for path in ("/v1/training-runs", "/v1/training-runs/estimate"):
        refused = world.client.post(path, json=body)
        assert refused.status_code == 404
        assert "Did you mean general" in refused.json()["error"]["message"]
