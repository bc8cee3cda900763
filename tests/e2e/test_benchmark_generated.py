"""A run with a general model at a server that tells no log-probabilities: it says its label, and what it says is read."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from app.catalog.cards import CARD_FILE, Card, Price, Remote, write_card
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake
from tests.server import serve

LABELS = ("auto", "home", "travel")
WORKER = """
from app.jobs.worker import run_worker
from app.settings import Settings
run_worker(Settings(), ["app.benchmarks.workflow"])
"""
# What it says instead of the label it means.
SAID = ("{label}", ' "{label}".', "The label is {label}.", "auto or home", "nothing that fits")


def stand_in() -> FastAPI:
    """Chat completions only, as a cloud API streams them: no log-probabilities, no tokenizer."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> StreamingResponse:
        body = await request.json()
        prompt = body["messages"][-1]["content"]
        text = prompt.rpartition("Text: ")[2]
        label = next(one for one in LABELS if one in text)
        said = SAID[int(text.split()[1]) % len(SAID)].format(label=label.upper())
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(said.split())}
        events = [
            {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
        ]
        lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]
        return StreamingResponse(iter(lines), media_type="text/event-stream")

    return app


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    make_fake(tmp_path / "models", "custom", kind="custom", method="full")
    with serve(stand_in()) as there:
        card = Card(
            name="cloud",
            kind="general",
            method="pretrained",
            parameters=1,
            engine="remote",
            remote=Remote(url=there, model="big"),
            price=Price(input_per_million=2.0, output_per_million=10.0),
        )
        (tmp_path / "models" / "cloud").mkdir()
        write_card(card, tmp_path / "models" / "cloud" / CARD_FILE)
        settings = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data")
        upgrade(settings.database)
        with serve(create_app(settings)) as url:
            own = {
                "VERSUS_DATA_DIR": str(tmp_path / "data"),
                "VERSUS_API_URL": url,
                "PYTHONPATH": str(Path(__file__).parents[2]),
            }
            worker = subprocess.Popen([sys.executable, "-W", "error", "-c", WORKER], env=os.environ | own)
            yield url
            worker.kill()
            worker.wait()


def test_a_model_that_cannot_score_is_asked_to_say_the_label_and_what_it_says_is_read(service: str) -> None:
    lines = [f"case {n} the {LABELS[n % 3]} was damaged,{LABELS[n % 3]},{split}" for n, split in enumerate(splits())]
    table = "\n".join(["text,label,part", *lines])
    with httpx.Client(base_url=service, trust_env=False, timeout=60) as client:
        fields = {"name": "desk", "text": "text", "label": "label", "split": "given", "split_by": "part"}
        added = client.post("/v1/datasets", files={"file": ("desk.csv", table)}, data=fields)
        assert added.status_code == 201, added.text
        body = {"models": ["cloud", "custom"], "baselines": [], "repeats": 2, "rewordings": 0, "consistency_cases": 3}

        # Before anything runs: the general model's price is known, the custom one's is not.
        estimate = client.post("/v1/benchmarks/desk/runs/estimate", json=body).json()
        cloud, few_shot, custom = estimate["arms"]
        assert (estimate["test_cases"], estimate["validation_cases"]) == (15, 6)
        assert cloud["calls"] == custom["calls"] == 6 + 15 + 2 * 3
        expected = (cloud["prompt_tokens"]["low"] * 2 + cloud["answer_tokens"]["low"] * 10) / 1e6
        assert cloud["money"]["low"] == pytest.approx(expected)
        assert cloud["seconds"]["high"] > 0
        assert few_shot["prompt_tokens"]["low"] > cloud["prompt_tokens"]["high"]
        assert (custom["money"], custom["answer_tokens"]["low"] > 0) == (None, True)
        assert "its card names no price" in custom["notes"][0]
        assert client.get("/v1/runs").json()["data"] == []

        run = client.post("/v1/benchmarks/desk/runs", json=body).json()
        assert [arm["scores"] for arm in run["config"]["arms"]] == [False, False, True]
        run = finished(client, run["id"])
        assert run["status"] == "succeeded", run["error"]
        rows = {row["arm"]: row for row in run["summary"]["rows"]}
        assert rows["cloud"]["unparsed"] == 6  # of five ways to say it two are no answer
        assert rows["cloud"]["accuracy"]["estimate"] == pytest.approx(9 / 15)
        assert any("read as a label, for its engine cannot score" in note for note in rows["cloud"]["notes"])

        answers = client.get(f"/v1/runs/{run['id']}/predictions?arm=cloud&condition=base").json()["data"]
        for one in answers:
            assert (one["probabilities"], one["error"]) == (None, None)
            assert one["label"] == (one["gold"] if one["gold"].upper() in one["text"] and "or" not in one["text"] else None)
            assert len(one["prompt_sha256"]) == 64
            assert one["seed"] is not None
            assert one["engine_ms"] >= one["ttft_ms"] > 0
            assert one["latency_ms"] >= one["engine_ms"]
        assert len({one["prompt_sha256"] for one in answers}) == len(answers)
        scored = client.get(f"/v1/runs/{run['id']}/predictions?arm=custom&condition=base").json()["data"]
        assert {(one["text"], one["seed"], one["ttft_ms"]) for one in scored} == {(None, None, None)}
        assert all(sum(one["probabilities"].values()) == pytest.approx(1) for one in scored)


def splits() -> list[str]:
    return ["train"] * 9 + ["validation"] * 6 + ["test"] * 15


def finished(client: httpx.Client, run_id: str, seconds: float = 120.0) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while (run := client.get(f"/v1/runs/{run_id}").json())["status"] in ("queued", "running"):
        assert time.monotonic() < deadline, run["progress"]
        time.sleep(0.1)
    return dict(run)
