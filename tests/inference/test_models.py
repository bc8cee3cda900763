"""The list of models tells what a choice needs, and the tokenizer routes what an evaluation client needs."""

from pathlib import Path

from starlette.testclient import TestClient

from tests.fakes import make_fake
from tests.inference.conftest import Start


def test_the_list_has_every_version_with_kind_lineage_digest_and_tasks(client: TestClient) -> None:
    listed = client.get("/v1/models").json()

    assert listed["object"] == "list"
    by_id = {model["id"]: model for model in listed["data"]}
    assert list(by_id) == ["general@1", "short@1", "claims@1"]  # general models first
    claims = by_id["claims@1"]
    expected = {
        "object": "model",
        "owned_by": "versus",
        "name": "claims",
        "version": 1,
        "kind": "custom",
        "method": "full",
        "domain": "claims",
        "parent": "general@1",
        "parameters": 1,
        "context": 1024,
        "bytes": len("claims"),
        "reason": None,
        "aliases": [],
        "tasks": [
            known | {"kind": "classification", "json_schema": None}
            for known in (
                {"name": "kind-of-loss", "prompt": "kind-of-loss: {input}", "labels": ["water", "fire", "theft"]},
                {"name": "part", "prompt": "{input}", "labels": ["WATER (PIPES)", "FIRE, NEC"]},
                {"name": "loud", "prompt": "{input}", "labels": ["water", "fire"]},
            )
        ],
    }
    assert {name: claims[name] for name in expected} == expected
    assert len(claims["digest"]) == 64
    assert claims["capabilities"]["deterministic"] is True


def test_a_model_is_found_by_its_name_and_by_its_version(client: TestClient) -> None:
    assert client.get("/v1/models/claims").json() == client.get("/v1/models/claims@1").json()


def test_an_unknown_model_is_answered_with_near_names(client: TestClient) -> None:
    answer = client.get("/v1/models/claim")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert "Did you mean claims?" in answer.json()["error"]["message"]


def test_a_model_is_available_before_its_first_request_and_loaded_after_it(start: Start) -> None:
    client = start()
    assert client.get("/v1/models/short").json()["status"] == "available"

    client.post("/v1/completions", json={"model": "short", "prompt": "a"})

    assert client.get("/v1/models/short").json()["status"] == "loaded"


def test_a_model_that_was_made_meanwhile_answers_without_a_restart(tmp_path: Path, start: Start) -> None:
    client = start()
    assert client.get("/v1/models/made").status_code == 404

    make_fake(tmp_path / "data" / "models", "made")

    answer = client.post("/v1/completions", json={"model": "made@1", "prompt": "the "})
    assert (answer.status_code, answer.json()["model"]) == (200, "made@1")


def test_a_folder_that_cannot_be_served_is_listed_with_its_reason_but_not_its_place(tmp_path: Path, start: Start) -> None:
    broken = make_fake(tmp_path / "data" / "models", "broken")
    (broken / "model.safetensors").unlink()
    worse = make_fake(tmp_path / "data" / "models", "worse")
    (worse / "card.toml").write_text("name = ")

    listed = {model["id"]: model for model in start().get("/v1/models").json()["data"]}

    assert (listed["broken"]["status"], listed["worse"]["status"]) == ("broken", "broken")
    assert "no .safetensors weights" in listed["broken"]["reason"]
    assert str(tmp_path) not in listed["broken"]["reason"] + listed["worse"]["reason"]
    assert listed["general@1"]["status"] in ("available", "loaded")  # the service loads it when it starts


def test_a_model_of_an_engine_that_is_turned_off_is_unavailable_and_says_so(tmp_path: Path, start: Start) -> None:
    make_fake(tmp_path / "data" / "models", "torchy")
    card = tmp_path / "data" / "models" / "torchy" / "card.toml"
    card.write_text(card.read_text().replace('engine = "fake"', 'engine = "embedded"'))
    client = start(embedded=False)

    model = client.get("/v1/models/torchy").json()
    answer = client.post("/v1/completions", json={"model": "torchy", "prompt": "a"})

    assert (model["status"], model["capabilities"]) == ("unavailable", None)
    assert "VERSUS_EMBEDDED" in model["reason"]
    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == model["reason"]


def test_text_becomes_ids_and_ids_become_text_of_the_default_model_or_a_named_one(client: TestClient) -> None:
    tokens = client.post("/tokenize", json={"prompt": "größer", "add_special_tokens": False}).json()
    assert tokens == {"tokens": list("größer".encode()), "count": 8, "max_model_len": 1024}
    started = client.post("/tokenize", json={"prompt": "größer", "add_special_tokens": True, "model": "short"}).json()
    assert started["tokens"][1:] == tokens["tokens"]
    assert started["max_model_len"] == 24

    assert client.post("/detokenize", json={"tokens": tokens["tokens"]}).json() == {"prompt": "größer"}
    assert client.post("/tokenize", json={"prompt": ""}).json()["tokens"] == []


def test_the_tokenizer_s_special_tokens_and_chat_template_are_told(client: TestClient) -> None:
    info = client.get("/tokenizer_info").json()

    assert (info["bos_token"], info["eos_token"], info["pad_token"]) == ("<s>", "</s>", "<pad>")
    assert "messages" in info["chat_template"]
    assert client.get("/tokenizer_info", params={"model": "nobody"}).status_code == 404
