"""Versions over HTTP: loaded and unloaded, promoted and rolled back, deleted only when nothing uses them."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.catalog.cards import CARD_FILE, read_card, write_card
from app.catalog.catalog import Catalog
from app.catalog.shelf import take_away
from app.database.base import now
from app.database.migrations import upgrade
from app.database.session import connect, transaction
from app.database.tables import Run, Scorecard, TrainingRun
from app.engines import removal
from app.main import create_app
from app.settings import Settings
from tests.fakes import SlowEngine, make_fake, serve_with

Start = Callable[..., TestClient]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """`general` ships; claims was made in two versions, tickets in one."""
    make_fake(tmp_path / "shipped", "general")
    root = tmp_path / "data" / "models"
    for version in (1, 2):
        put(root, "claims", version)
    put(root, "tickets", 1)
    return root


def put(root: Path, name: str, version: int, **changes: Any) -> Path:
    folder = make_fake(root / name, str(version), kind="custom", method="full")
    (folder / "model.safetensors").write_text(f"{name} {version}")
    card = read_card(folder / CARD_FILE)
    write_card(card.model_copy(update={"name": name, "version": version} | changes), folder / CARD_FILE)
    return folder


@pytest.fixture
def settings(tmp_path: Path, made: Path) -> Settings:
    settings = Settings(models_dir=tmp_path / "shipped", data_dir=tmp_path / "data", embedded_worker=False)
    upgrade(settings.database)
    return settings


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


def says(client: TestClient, model: str) -> tuple[str, str]:
    """The version that answered, and its answer."""
    answer = client.post("/v1/completions", json={"model": model, "prompt": "the ", "temperature": 0, "max_tokens": 8}).json()
    return answer["model"], answer["choices"][0]["text"]


def listed(client: TestClient) -> list[str]:
    return [model["id"] for model in client.get("/v1/models").json()["data"]]


# ---- Load and unload


def test_a_model_is_loaded_before_its_first_request_and_unloaded_again(client: TestClient) -> None:
    assert client.post("/v1/models/claims/load").json() == {"id": "claims@2", "status": "loaded"}
    assert client.get("/v1/models/claims@2").json()["status"] == "loaded"
    assert client.post("/v1/models/claims/unload").json() == {"id": "claims@2", "status": "available"}
    assert client.get("/v1/models/claims@2").json()["status"] == "available"
    assert client.post("/v1/models/nobody/load").status_code == 404


# ---- Aliases


def test_a_promotion_serves_at_once_and_is_rolled_back_at_once(client: TestClient) -> None:
    assert says(client, "claims")[0] == "claims@2"
    put_alias = client.put("/v1/aliases/claims", json={"target": "claims@1", "by": "ada"})
    assert (put_alias.status_code, put_alias.json()["target"]) == (200, "claims@1")
    assert says(client, "claims") == says(client, "claims@1") != says(client, "claims@2")
    assert client.get("/v1/models/claims").json()["aliases"] == ["claims"]

    back = client.post("/v1/aliases/claims/rollback", json={"by": "bob"}).json()
    assert back["target"] == "claims@2"
    assert says(client, "claims")[0] == "claims@2"
    assert [(one["action"], one["by"], one["before"]) for one in back["history"]] == [
        ("rollback", "bob", "claims@1"),
        ("set", "ada", "claims@2"),
    ]
    assert client.get("/v1/aliases").json() == {"object": "list", "data": [back]}


def test_an_alias_answers_in_every_route_under_the_version_it_stands_for(client: TestClient) -> None:
    client.put("/v1/aliases/production", json={"target": "tickets"})
    assert says(client, "production") == says(client, "tickets@1")
    body = {"input": "smoke", "labels": ["fire", "theft"]}
    by_name, by_version = (
        client.post("/v1/classify", json=body | {"model": model}).json()["results"][0] for model in ("production", "tickets@1")
    )
    assert by_name["probabilities"] == by_version["probabilities"]
    assert client.delete("/v1/aliases/production").json()["target"] is None
    assert client.get("/v1/models/production").status_code == 404


def test_an_alias_that_cannot_be_is_refused_in_words(client: TestClient) -> None:
    for path, body, status, words in (
        ("production", {"target": "claims@7"}, 404, "no model named 'claims@7'"),
        ("tickets", {"target": "claims@1"}, 409, "is a version of another"),
        ("Über", {"target": "claims@1"}, 422, "is no name for a model"),
        ("production", {"target": "claims@1", "colour": "red"}, 422, "colour"),
        ("production", {}, 422, "target"),
    ):
        refused = client.put(f"/v1/aliases/{path}", json=body)
        assert (refused.status_code, words in refused.json()["error"]["message"]) == (status, True), refused.text
    assert client.post("/v1/aliases/nobody/rollback").status_code == 404
    assert client.post("/v1/aliases/tickets/rollback").status_code == 409
    assert client.delete("/v1/aliases/nobody").status_code == 404


def test_no_model_is_made_under_the_name_of_an_alias(client: TestClient) -> None:
    client.put("/v1/aliases/production", json={"target": "claims@1"})
    body = {"name": "production", "base": "general", "method": "full", "tasks": [{"name": "t", "dataset": "d"}]}
    refused = client.post("/v1/training-runs", json=body)
    assert refused.status_code == 409
    assert "'production' is an alias of claims@1" in refused.json()["error"]["message"]
    reserved = client.post("/v1/training-runs", json=body | {"name": "auto"})
    assert reserved.status_code == 422
    assert "'auto' is kept for requests" in reserved.json()["error"]["message"]


# ---- Delete


def refused(client: TestClient, model: str) -> str:
    answer = client.delete(f"/v1/models/{model}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_use"), answer.text
    assert model in listed(client)
    return str(answer.json()["error"]["message"])


def test_a_version_that_nothing_uses_is_gone_from_lists_memory_and_disk_and_its_number_stays_used(
    client: TestClient, made: Path
) -> None:
    says(client, "claims@2")
    assert client.delete("/v1/models/claims@2").json() == {"id": "claims@2", "object": "model", "deleted": True}
    assert listed(client) == ["general@1", "claims@1", "tickets@1"]
    assert client.get("/v1/models/claims@2").status_code == 404
    assert says(client, "claims")[0] == "claims@1"
    assert client.delete("/v1/models/claims@2").status_code == 404
    assert not [path for path in made.rglob("model.safetensors") if path.read_text() == "claims 2"]
    engine = client.app.state.engines._made["fake"]  # type: ignore[attr-defined]
    assert engine._loaded & {"claims@2"} == set()

    from app.catalog.shelf import put_in_place, staging

    card = Catalog([made]).find("claims@1").card
    with staging(made, "claims", "test") as staged:
        (staged / "model.safetensors").write_text("new")
        assert put_in_place(card, staged, made)[0].id == "claims@3"


def test_what_an_alias_stands_for_stays(client: TestClient) -> None:
    client.put("/v1/aliases/production", json={"target": "claims@1"})
    assert "the alias production stands for it" in refused(client, "claims@1")
    client.delete("/v1/aliases/production")
    assert client.delete("/v1/models/claims@1").status_code == 200


def test_what_unfinished_work_names_stays_and_finished_work_does_not_matter(client: TestClient, settings: Settings) -> None:
    shared = {"status": "running", "progress": {}, "error": None, "created_at": now(), "updated_at": now()}
    training = {"name": "x", "recipe": {"base": "claims@1"}, "recipe_digest": "d", "model": None}
    bench = {"task": "t", "config": {"arms": [{"name": "c", "model": "claims@1"}]}, "summary": None}
    reasons = {"task": "t", "config": {"general": {"id": "general@1"}, "custom": {"id": "claims@1"}}, "result": None}

    async def write(status: str) -> None:
        database = connect(settings.database)
        async with transaction(database) as session:
            await session.merge(TrainingRun(id="train_1", **(shared | training | {"status": status})))
            await session.merge(Run(id="run_1", **(shared | bench | {"status": status})))
            await session.merge(Scorecard(id="score_1", **(shared | reasons | {"status": status})))
        await database.close()

    asyncio.run(write("queued"))
    message = refused(client, "claims@1")
    assert "training run train_1 (queued) starts from it" in message
    assert "benchmark run run_1 (queued) asks it" in message
    assert "scorecard score_1 (queued) measures it" in message
    asyncio.run(write("succeeded"))
    assert client.delete("/v1/models/claims@1").status_code == 200


def test_a_version_with_requests_in_work_stays_until_they_have_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_with(monkeypatch, SlowEngine)
    body = {"model": "claims@1", "prompt": "the ", "max_tokens": 40, "stream": True}
    with TestClient(create_app(settings)) as client:
        with client.stream("POST", "/v1/completions", json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            assert "1 request is in work" in refused(client, "claims@1")
            assert "data: [DONE]" in [*lines]  # it went on undisturbed
        assert client.delete("/v1/models/claims@1").status_code == 200


def test_the_general_model_and_what_ships_stay(tmp_path: Path, settings: Settings, made: Path) -> None:
    general = settings.model_copy(update={"general_model": "tickets"})
    with TestClient(create_app(general)) as client:
        assert "VERSUS_GENERAL_MODEL names it" in refused(client, "tickets@1")
        shipped = client.delete("/v1/models/general@1")
        assert shipped.status_code == 409
        assert "ships with Versus" in shipped.json()["error"]["message"]
        assert str(tmp_path) not in shipped.text
        unversioned = client.delete("/v1/models/claims")
        assert unversioned.status_code == 422
        assert "say which to delete: claims@2, claims@1" in unversioned.json()["error"]["message"]
        assert client.delete("/v1/models/..%2Fx@1").status_code == 404


def test_a_version_that_cannot_be_served_can_be_deleted(client: TestClient, made: Path) -> None:
    (made / "claims" / "2" / "model.safetensors").unlink()
    os.utime(made / "claims" / "2" / CARD_FILE)
    unserved = client.get("/v1/models/claims@2")
    assert unserved.status_code == 503
    assert "holds no .safetensors weights" in unserved.text
    assert str(made) not in unserved.text + client.get("/").text
    assert client.delete("/v1/models/claims@2").status_code == 200
    assert listed(client) == ["general@1", "claims@1", "tickets@1"]


def test_a_version_whose_card_cannot_be_read_can_be_deleted(client: TestClient, made: Path, tmp_path: Path) -> None:
    (made / "claims" / "2" / CARD_FILE).write_text("name =")
    (tmp_path / "data" / "models" / "7").mkdir()
    (tmp_path / "data" / "models" / "7" / CARD_FILE).write_text("name =")  # in no name's folder
    put(made, "misplaced", 3).parent.rename(made / "moved")
    (made / "moved" / "3" / "model.safetensors").unlink()
    assert client.get("/v1/models/claims@2").status_code == 404
    for other in ("models@7", "@7", ".@7", "claims@02", "moved@3"):
        assert client.delete(f"/v1/models/{other}").status_code == 404, other
    assert client.delete("/v1/models/claims@2").status_code == 200
    assert client.delete("/v1/models/claims@2").status_code == 404
    assert sorted(folder.name for folder in made.glob("[!.]*")) == ["7", "claims", "moved", "tickets"]
    assert [folder.name for folder in (made / "claims").glob("[!.]*")] == ["1"]


def test_a_name_decided_while_its_version_is_deleted_does_not_dangle(
    client: TestClient, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding = Thread(target=client.put, args=("/v1/aliases/production",), kwargs={"json": {"target": "claims@1"}})

    def meanwhile(*args: Any) -> None:
        deciding.start()
        deciding.join(0.5)
        take_away(*args)

    monkeypatch.setattr(removal, "take_away", meanwhile)
    assert client.delete("/v1/models/claims@1").status_code == 200
    deciding.join()
    assert client.get("/v1/aliases").json()["data"] == []


@pytest.mark.parametrize("step", ["work_with", "_users"])
def test_what_another_deletion_took_meanwhile_is_not_there(
    client: TestClient, made: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    real = getattr(removal, step)

    def meanwhile(*args: Any) -> Any:
        take_away(made / "claims" / "2", 2, made)
        return real(*args)

    monkeypatch.setattr(removal, step, meanwhile)
    second = client.delete("/v1/models/claims@2")
    assert (second.status_code, second.json()["error"]["code"]) == (404, "model_not_found")


def test_a_folder_that_cannot_be_renamed_stays_whole_and_is_told(
    client: TestClient, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Path, target: object) -> Path:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", denied)
        failed = client.delete("/v1/models/claims@2")
    assert "all of it is still there" in failed.json()["error"]["message"]
    assert says(client, "claims")[0] == "claims@2"
    assert json.loads(client.delete("/v1/models/claims@2").text)["deleted"] is True
