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
from typer.testing import CliRunner

from app.benchmarks.gate.runfile import RunFile
from app.cli import app as commands
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
# kind -> (columns of the file, a row's cell beside its text, the main metric, the baseline)
DATA: dict[str, tuple[dict[str, str], str, str, str]] = {
    "qa": ({"answer": "cell"}, "theft {n}", "token_f1", "nearest training question"),
    "extraction": ({"fields": "cell"}, '{{"type": "theft", "amount": {n}}}', "field_f1", "most frequent values"),
    "summarisation": ({"answer": "cell"}, "the claim of {n} is covered", "rouge_l", "first sentences"),
    "perplexity": ({}, "", "bits_per_byte", "byte n-grams"),
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
    columns, cell, *_ = DATA[kind]
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


def finished(client: httpx.Client, run_id: str, seconds: float = 300.0) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while (run := client.get(f"/v1/runs/{run_id}").json())["status"] in ("queued", "running"):
        assert time.monotonic() < deadline, run["progress"]
        time.sleep(0.1)
    return dict(run)


def _deltas(client: httpx.Client, run: str, baseline: str) -> list[dict[str, Any]]:
    """Every case of custom whose score is another than that of the baseline."""
    told = client.get(f"/v1/runs/{run}/deltas", params={"baseline": run, "baseline_arm": baseline, "step": 0})
    assert told.status_code == 200, told.text
    found = told.json()
    assert found["improved"] + found["regressed"] == len(found["data"])
    return list(found["data"])


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
    summary, main, baseline = run["summary"], *DATA[kind][2:]
    few_shot = ["general few-shot"] if kind != "perplexity" else []
    assert [row["arm"] for row in summary["rows"]] == [baseline, "general", *few_shot, "custom"]
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

    # The baseline answered the same cases, knows its size, and stands in the verdict.
    classical = summary["rows"][0]
    assert (classical["kind"], classical["scores"][main]["n"], classical["unparsed"]) == ("baseline", 5, 0)
    assert classical["parameters"] > 0
    assert classical["notes"][0].startswith("learned from the training split alone")
    if kind in ("qa", "extraction"):  # "theft" is right in each answer, and the number in none
        assert classical["scores"][main]["estimate"] == pytest.approx(0.5)
    assert summary["verdict"]["baseline"]["second"] == baseline
    assert baseline in summary["verdict"]["sentence"]

    # The verdict of the run, and one that is asked for later, are the same rule on the same numbers.
    assert summary["metrics"][0]["title"] in summary["verdict"]["sentence"]
    later = service.post("/v1/verdicts", json={"run": run["id"]})
    assert later.status_code == 201, later.text
    assert later.json()["verdict"]["metrics"] == summary["verdict"]["metrics"]
    for form in ("html", "md", "csv", "pack", "pack-md"):
        shown = service.get(f"/v1/runs/{run['id']}/report?format={form}")
        assert shown.status_code == 200, shown.text
        assert summary["metrics"][0]["title"] in shown.text or main in shown.text

    # Gates and deltas read the run as it is exported; bits are worth a gate below, scores one above.
    url = str(service.base_url)
    file = RunFile.model_validate(service.get(f"/v1/runs/{run['id']}/export").json())
    result = file.result("custom")
    scores = dict(zip(result.cases, result.scores[main], strict=True))
    changed = _deltas(service, run["id"], baseline)
    assert changed
    assert {one["case"]: one["score_now"] for one in changed} == {one["case"]: scores[one["case"]] for one in changed}
    level = f"{main} {'<=' if kind == 'perplexity' else '>='} {'9' if kind == 'perplexity' else '0.99'}"
    gates = ["--gate", level, "--gate", "regressed <= 5"]
    gated = CliRunner().invoke(commands, ["gate", run["id"], "--baseline", baseline, *gates, "--json", "--url", url])
    told = json.loads(gated.stdout)
    assert (gated.exit_code, told["gates"][0]["estimate"]) == (
        told["exit_code"],
        pytest.approx(row["scores"][main]["estimate"]),
    )
    assert CliRunner().invoke(commands, ["gate", run["id"], "--gate", "accuracy >= 0.5", "--url", url]).exit_code == 3
    shown = CliRunner().invoke(commands, ["deltas", run["id"], "--baseline", baseline, "--url", url])
    assert (shown.exit_code, "By more than 0.1" in shown.stdout) == (0, True), shown.output
    assert service.get(f"/v1/runs/{run['id']}/export?format=inspect").status_code == 400

    wrong = service.post(f"/v1/benchmarks/{kind}/runs", json=BODY | {"baselines": ["majority"]})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "baselines")
    assert kind in wrong.json()["error"]["message"]

    refused = service.post("/v1/verdicts", json={"run": run["id"], "metrics": ["accuracy"]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "metrics")
