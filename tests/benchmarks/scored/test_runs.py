"""A run of each kind without labels through a real worker and service: asked, scored, judged, shown and estimated."""

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

from app.cli.bench import estimate_text
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake
from tests.server import serve

WORKER = """
from app.jobs.worker import run_worker
from app.settings import Settings
run_worker(Settings(), ["app.benchmarks.workflow"])
"""
SPLITS = ["train"] * 4 + ["validation"] * 2 + ["test"] * 5
BODY = {"models": ["general", "custom"], "repeats": 2, "rewordings": 1, "consistency_cases": 2, "validation_cases": 2}
# kind -> (columns of the file, a row's cell beside its text, the main metric)
DATA: dict[str, tuple[dict[str, str], str, str]] = {
    "qa": ({"answer": "cell"}, "theft {n}", "token_f1"),
    "extraction": ({"fields": "cell"}, '{{"type": "theft", "amount": {n}}}', "field_f1"),
    "summarisation": ({"answer": "cell"}, "the claim of {n} is covered", "rouge_l"),
    "perplexity": ({}, "", "bits_per_byte"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("scored")
    make_fake(folder / "models")
    make_fake(folder / "models", "custom", kind="custom", method="full")
    settings = Settings(models_dir=folder / "models", data_dir=folder / "data")
    upgrade(settings.database)
    with serve(create_app(settings)) as url:
        root = str(Path(__file__).parents[3])
        own = {"VERSUS_DATA_DIR": str(folder / "data"), "VERSUS_API_URL": url, "PYTHONPATH": root}
        worker = subprocess.Popen([sys.executable, "-W", "error", "-c", WORKER], env=os.environ | own)
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            yield client
        worker.kill()
        worker.wait()


def add(client: httpx.Client, kind: str) -> None:
    """A dataset of the kind and a task on it."""
    columns, cell, _ = DATA[kind]
    rows = [
        json.dumps({"text": f"{split} {n}: a theft of {n}", "part": split} | ({"cell": cell.format(n=n)} if cell else {}))
        for n, split in enumerate(SPLITS)
    ]
    form = {"name": f"{kind}-data", "text": "text", "split": "given", "split_by": "part", "kind": "text", **columns}
    if columns:
        del form["kind"]
    added = client.post("/v1/datasets", files={"file": ("data.jsonl", "\n".join(rows))}, data=form)
    assert added.status_code == 201, added.text
    task = {"name": kind, "kind": kind, "title": kind, "dataset": f"{kind}-data", "few_shot": 2 if columns else 0}
    defined = client.post("/v1/benchmarks", json=task)
    assert defined.status_code == 201, defined.text


def finished(client: httpx.Client, run_id: str, seconds: float = 120.0) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while (run := client.get(f"/v1/runs/{run_id}").json())["status"] in ("queued", "running"):
        assert time.monotonic() < deadline, run["progress"]
        time.sleep(0.1)
    return dict(run)


@pytest.mark.parametrize("kind", DATA)
def test_a_run_of_the_kind_ends_with_scores_a_verdict_and_reports(service: httpx.Client, kind: str) -> None:
    add(service, kind)
    estimate = service.post(f"/v1/benchmarks/{kind}/runs/estimate", json=BODY).json()
    assert "calls" in estimate_text(estimate)
    assert all(arm["prompt_tokens"]["low"] > 0 for arm in estimate["arms"]), estimate

    started = service.post(f"/v1/benchmarks/{kind}/runs", json=BODY)
    assert started.status_code == 202, started.text
    run = finished(service, started.json()["id"])
    assert run["status"] == "succeeded", run["error"]
    summary, main = run["summary"], DATA[kind][2]
    few_shot = ["general few-shot"] if kind != "perplexity" else []
    assert [row["arm"] for row in summary["rows"]] == ["general", *few_shot, "custom"]
    assert (summary["kind"], summary["metrics"][0]["name"], summary["labels"]) == (kind, main, [])

    # Each case has one row that is no label, and what was asked again is what can be the same again.
    answers = service.get(f"/v1/runs/{run['id']}/predictions?arm=custom&limit=100").json()["data"]
    base = [one for one in answers if one["condition"] == "base"]
    assert len(base) == 5
    assert all(one["label"] is None and one["error"] is None and len(one["prompt_sha256"]) == 64 for one in base)
    again = {"rerun-1", "rerun-2", "reword-1"} if kind in ("qa", "extraction") else set()
    assert {one["condition"] for one in answers if not one["condition"].startswith("validation")} == {"base", *again}
    row = summary["rows"][-1]
    assert row["scores"][main]["n"] == 5
    if kind == "perplexity":
        bits = sum(one["bits"] for one in base)
        assert row["scores"][main]["estimate"] == pytest.approx(
            bits / sum(len(f"test {n}: a theft of {n}") for n in range(6, 11))
        )
        assert all(one["text"] is None for one in base)
    else:
        assert all(isinstance(one["text"], str) for one in base)
    if kind == "extraction":  # the fake engine cannot be held to a schema, and its words are no JSON
        assert (row["unparsed"], row["scores"][main]["estimate"]) == (5, 0)
        assert [one["field"] for one in row["fields"]] == ["type", "amount"]

    # The verdict of the run, and one that is asked for later, are the same rule on the same numbers.
    assert summary["metrics"][0]["title"] in summary["verdict"]["sentence"]
    later = service.post("/v1/verdicts", json={"run": run["id"]})
    assert later.status_code == 201, later.text
    assert later.json()["verdict"]["metrics"] == summary["verdict"]["metrics"]
    for form in ("html", "md", "csv", "pack", "pack-md"):
        shown = service.get(f"/v1/runs/{run['id']}/report?format={form}")
        assert shown.status_code == 200, shown.text
        assert summary["metrics"][0]["title"] in shown.text or main in shown.text

    refused = service.post("/v1/verdicts", json={"run": run["id"], "metrics": ["accuracy"]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "metrics")
