"""`versus bench` beside lm-eval on the same weights and the same cases, and what the runner adds to the engine.

`python -m tests.perf bench`. Banking77 where ../shared/data has it, else made-up messages of the same lengths. The models have
17 million parameters; one has random weights, the other was trained on these labels in one pass.
"""

import asyncio
import csv
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from app.benchmarks.runner import timed_alone
from app.catalog.cards import CARD_FILE, read_card, write_card
from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.prompts import as_messages
from app.engines.base import ScoreRequest
from app.engines.embedded.engine import EmbeddedEngine
from app.settings import Settings
from tests.perf import serving
from tests.perf.service import service

TASK = "messages"  # as the cards of the models have it
CASES, LM_EVAL_CASES = 300, 20  # of the 3,080 test messages: a seeded, stratified sample, and its first ones
ALL = 3080  # where a case takes little
OVERHEAD_CASES = 1000
SMALL = {"baselines": [], "few_shot": False, "repeats": 0, "rewordings": 0, "consistency_cases": 0, "validation_cases": 1}
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """(what, measured, wanted)."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = make_customs(Path(folder) / "models")
        with (
            service(Path(folder) / "data", VERSUS_MODELS_DIR=f"{folder}/models") as (url, _),
            httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
        ):
            labels = upload(client)
            both = bench(client, ["general", "trained"], CASES)
            best = bench(client, ["trained"], ALL, probabilities=False)
            texts = asked(client, both["id"])
            theirs = serving.lm_eval_cases_per_second(catalog.find("general").folder, texts[:LM_EVAL_CASES], labels)
            yield from over_lm_eval(both, best, theirs, len(labels))
            yield overhead(client, catalog.find("general"), labels)


def over_lm_eval(both: dict[str, Any], best: dict[str, Any], theirs: float, labels: int) -> Iterator[Row]:
    """From the request for the run to its report, statistics and single requests for latency included."""
    ours = 2 * CASES / both["seconds"]
    what = f"versus bench, {CASES} messages x {labels} labels x 2 models over lm-eval"
    yield what, f"{ours / theirs:.1f}x", f"at least 5x ({ours:.1f} against {theirs:.2f} cases/s)"
    ours = ALL / best["seconds"]
    yield f"  only the best label, {ALL:,} messages, the trained model", f"{ours / theirs:.1f}x", f"15x ({ours:.1f} cases/s)"


def overhead(client: httpx.Client, model: ModelVersion, labels: Sequence[str]) -> Row:
    run = bench(client, ["general"], OVERHEAD_CASES)
    bare = asyncio.run(engine_seconds(model, asked(client, run["id"]), labels, run["config"]))
    more = run["seconds"] / bare - 1
    return f"a run of {OVERHEAD_CASES:,} cases over the bare engine", f"{more:+.1%}", f"at most 5 % ({bare:.1f} s)"


def make_customs(folder: Path) -> Catalog:
    """Asked as they were trained: in one way, so that a run is the test alone."""
    serving.make_models(folder, adapters=0)
    card = folder / "general" / CARD_FILE
    write_card(read_card(card).model_copy(update={"kind": "custom", "method": "full"}), card)
    return Catalog([folder])


def upload(client: httpx.Client) -> list[str]:
    """The dataset of the task; its labels."""
    _, labels = serving.cases()[TASK]
    table = io.StringIO()
    csv.writer(table).writerows([("text", "label", "part"), *serving.messages()])
    fields = {"name": TASK, "text": "text", "label": "label", "split_by": "part", "split": "given", "clean": "false"}
    answer = client.post("/v1/datasets", files={"file": ("messages.csv", table.getvalue())}, data=fields)
    assert answer.status_code == 201, answer.text
    return labels


def bench(client: httpx.Client, models: Sequence[str], limit: int, **more: Any) -> dict[str, Any]:
    """The finished run, and the `seconds` that it took; the models were loaded before."""
    for model in models:
        client.post("/v1/classify", json={"model": model, "task": TASK, "input": "x"}).raise_for_status()
    began = time.perf_counter()
    run = client.post(f"/v1/benchmarks/{TASK}/runs", json=SMALL | more | {"models": models, "limit": limit}).json()
    while (now := client.get(f"/v1/runs/{run['id']}").json())["status"] in ("queued", "running"):
        time.sleep(0.1)
    assert now["status"] == "succeeded", now["error"]
    return dict(now) | {"seconds": time.perf_counter() - began}


def asked(client: httpx.Client, run: str) -> list[str]:
    """The texts of a run's test cases, of one arm, in the order of the dataset."""
    texts, cursor = dict[int, str](), ""
    while cursor is not None:
        page = client.get(f"/v1/datasets/{TASK}/rows?split=test&limit=1000{cursor and f'&cursor={cursor}'}").json()
        texts |= {row["position"]: row["text"] for row in page["data"]}
        cursor = page["next_cursor"]
    params = {"arm": "general", "condition": "base", "limit": 1000}
    return [texts[one["case_id"]] for one in client.get(f"/v1/runs/{run}/predictions", params=params).json()["data"]]


async def engine_seconds(model: ModelVersion, texts: Sequence[str], labels: Sequence[str], config: dict[str, Any]) -> float:
    """The same cases by the engine in this process, in the same schedule: some alone, the others as many at once."""
    engine = EmbeddedEngine(Settings())
    free = asyncio.Semaphore(config["concurrency"] * config["texts_per_request"])

    async def score(text: str) -> None:
        async with free:
            await engine.score(ScoreRequest(model, as_messages(text), labels, "batch"))

    await score(texts[0])
    alone = timed_alone(len(texts), config["concurrency"])
    began = time.perf_counter()
    for text in texts[:alone]:
        await score(text)
    await asyncio.gather(*map(score, texts[alone:]))
    seconds = time.perf_counter() - began
    await engine.close()
    return seconds
