"""Training over HTTP: a worker killed in the middle goes on, and the variant serves without a restart."""

import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.world import OPTIONS, World, until


def weights(world: World, model: str) -> dict[str, torch.Tensor]:
    name, _, version = model.partition("@")
    return load_file(world.folder / "var" / "models" / name / version / "adapter_model.safetensors")


def test_a_worker_killed_in_the_middle_goes_on_and_ends_with_the_weights_of_an_unbroken_training(world: World) -> None:
    run = world.start()["id"]
    first = world.start_worker()
    until(lambda: world.run(run)["progress"].get("step", 0) > 12)
    first.kill()
    first.wait()
    killed_at = world.run(run)
    assert killed_at["status"] == "running"
    assert world.client.get("/v1/models/claims").status_code == 404  # nothing half-made has the final name

    world.start_worker()
    done = world.finished(run)
    assert (done["status"], done["model"]) == ("succeeded", "claims@1"), (
        done["error"],
        (world.folder / "worker.log").read_text(),
    )

    # It serves at once, by the same process that was there before.
    answer = world.client.post("/v1/classify", json={"model": "claims", "task": "desk", "input": "the thief ran"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"][0]["label"] in ("theft", "fire", "water damage")

    # The same training under another name, never interrupted: the same weights to the last bit.
    other = world.finished(world.start(name="claims-again")["id"])
    broken, unbroken = weights(world, "claims@1"), weights(world, other["model"])
    assert broken.keys() == unbroken.keys()
    assert all(torch.equal(broken[name], unbroken[name]) for name in broken)
    # Both on one version only: a resumed run adds no second one.
    assert {path.name for path in (world.folder / "var" / "models" / "claims").iterdir()} == {"1"}


def test_the_same_training_is_not_done_twice_and_events_tell_how_it_goes(world: World) -> None:
    world.start_worker()
    run = world.start(options={"epochs": 1.0})
    with world.client.stream("GET", f"/v1/training-runs/{run['id']}/events") as stream:
        lines = list(stream.iter_lines())
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event:")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data:")]
    assert kinds[-1] == "end"
    assert set(kinds[:-1]) <= {"progress"}
    assert events[-1]["model"] == "claims@1"

    again = world.client.post(
        "/v1/training-runs",
        json={
            "name": "claims",
            "method": "lora",
            "tasks": [{"name": "desk", "dataset": "desk"}],
            "options": OPTIONS | {"epochs": 1.0},
        },
    )
    assert (again.status_code, again.json()["id"]) == (200, run["id"])
    assert world.start(options={"epochs": 1.0, "seed": 5})["id"] != run["id"]


def test_a_dataset_of_plain_texts_is_read_before_the_task(world: World) -> None:
    texts = "".join(json.dumps({"text": f"the reinsurer waives subrogation in case {i}"}) + "\n" for i in range(50))
    given = {"file": ("policies.jsonl", texts.encode())}
    read = world.client.post("/v1/datasets", files=given, data={"kind": "text"}).json()
    small = {"hidden": 32, "layers": 1, "heads": 2, "mlp": 32, "vocabulary": 400, "context": 64, "epochs": 1.0}
    asked = {"name": "made", "method": "scratch", "tasks": [{"name": "desk", "dataset": "desk"}], "options": OPTIONS | small}
    alone, beside = (
        world.client.post("/v1/training-runs/estimate", json=asked | more).json()["language_tokens"]
        for more in ({}, {"texts": ["policies"]})
    )
    assert beside > alone > 0

    world.start_worker()
    done = world.finished(world.start(**asked, texts=["policies"])["id"])
    assert done["status"] == "succeeded", done["error"]
    assert done["recipe"]["texts"] == [read["id"]]
    vocabulary = (world.folder / "var" / "models" / "made" / "1" / "tokenizer.json").read_text()
    assert "subrogation" in vocabulary


def test_a_cancelled_training_stops_and_leaves_no_model(world: World) -> None:
    run = world.start(options={"epochs": 900.0})["id"]
    world.start_worker()
    until(lambda: world.run(run)["progress"].get("step", 0) > 3)
    assert world.client.post(f"/v1/training-runs/{run}/cancel").json()["status"] == "cancelled"
    following = world.start(options={"epochs": 0.5})["id"]
    assert world.finished(following)["status"] == "succeeded"
    assert world.run(run)["status"] == "cancelled"
    assert world.client.get("/v1/models/claims@2").status_code == 404
    assert world.client.post(f"/v1/training-runs/{run}/cancel").status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"base": "genral"}, 404, "general"),
        ({"tasks": [{"name": "desk", "dataset": "dask"}]}, 404, "desk"),
        ({"name": "general"}, 409, "another name"),
        ({"name": "../claims"}, 422, "name"),
        ({"options": {"rank": 0}}, 422, "rank"),
        ({"options": {"epoch": 3}}, 422, "epoch"),
        ({"tasks": []}, 422, "tasks"),
        ({"tasks": [{"name": "desk", "dataset": "desk"}] * 2}, 422, "two tasks have the same name"),
        ({"method": "scratch", "options": {"hidden": 192, "heads": 7}}, 422, "hidden (192) must be a multiple of twice"),
        ({"method": "full", "texts": ["desk"]}, 422, "the method full reads no texts"),
        ({"method": "scratch", "texts": ["dosk"]}, 404, "desk"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_is_queued(
    world: World, body: dict[str, Any], status: int, says: str
) -> None:
    given = {"name": "claims", "tasks": [{"name": "desk", "dataset": "desk"}]} | body
    refused = world.client.post("/v1/training-runs", json=given)
    assert refused.status_code == status
    assert says in refused.json()["error"]["message"]
    assert world.client.get("/v1/training-runs").json()["data"] == []
