"""Benchmarks over HTTP: what is refused, and what can be followed, read and cancelled."""

import asyncio
import base64
import csv
import io
import json
from typing import Any

import pytest
from sqlalchemy import update

from app.benchmarks import store
from app.benchmarks.tasks import Tasks
from app.catalog.cards import Made, read_card, write_card
from app.database.session import connect, transaction
from app.database.tables import Dataset

RUNS = "/v1/benchmarks/claims-desk/runs"
SMALL = {
    "validation_cases": 4,
    "models": ["plain", "good"],
    "baselines": ["majority"],
    "repeats": 0,
    "rewordings": 0,
    "few_shot": False,
    "limit": 12,
}


def made(key: list[Any]) -> str:
    """A cursor that no list returned."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def test_an_uploaded_dataset_is_a_task_and_tasks_tell_how_they_are_put(world: Any) -> None:
    listed = {task["name"]: task for task in world.call("GET", "/v1/benchmarks").json()["data"]}
    assert {"claims-type", "claims-decision", "claims-desk"} <= set(listed)
    assert (listed["claims-type"]["built_in"], listed["claims-desk"]["built_in"]) == (True, False)
    assert world.call("GET", "/v1/benchmarks/claims-desk").json() == listed["claims-desk"]
    assert listed["claims-desk"]["labels"] == ["auto", "home", "travel"]
    missing = world.call("GET", "/v1/benchmarks/nothing")
    assert missing.status_code == 404
    assert "claims-desk" in missing.json()["error"]["message"]

    async def prompts() -> tuple[Any, Any, Any]:
        database = connect(world.settings.database)
        tasks = Tasks(database)
        found = [await tasks.prompt_for(name) for name in ("claims-type", "claims-desk", "nothing")]
        await database.close()
        return tuple(found)

    built_in, uploaded, unknown = asyncio.run(prompts())
    assert built_in.name == "claims-type"
    assert len(built_in.labels) == 12
    assert (uploaded.name, uploaded.labels, unknown) == ("claims-desk", ("auto", "home", "travel"), None)


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (SMALL | {"models": ["plian"]}, 404, "plain"),
        (SMALL | {"models": ["plain", "plain@1"]}, 409, "has already"),
        (SMALL | {"models": ["plain", "plain"]}, 422, "twice"),
        (SMALL | {"models": []}, 422, "models"),
        (SMALL | {"repeats": 1}, 422, "at least 2"),
        (SMALL | {"concurency": 2}, 422, "concurency"),
        (SMALL | {"limit": 0}, 422, "limit"),
        (SMALL | {"baselines": ["svm"]}, 422, "baselines"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_queued(world: Any, body: Any, status: int, told: str) -> None:
    refused = world.call("POST", RUNS, body)
    assert refused.status_code == status
    assert told in refused.text
    assert world.call("GET", "/v1/runs").json() == {"data": [], "next_cursor": None}


def test_a_dataset_without_a_split_is_refused(world: Any) -> None:
    async def empty_validation() -> None:
        database = connect(world.settings.database)
        async with transaction(database) as session:
            await session.execute(update(Dataset).values(counts={"train": {"auto": 3}, "validation": {}, "test": {"auto": 3}}))
        await database.close()

    asyncio.run(empty_validation())
    refused = world.call("POST", RUNS, SMALL)
    assert refused.status_code == 422
    assert "no validation rows" in refused.text


def test_a_run_from_request_to_report(world: Any) -> None:
    world.start_worker()
    accepted = world.call("POST", RUNS, SMALL)
    assert accepted.status_code == 202
    run = accepted.json()
    assert accepted.headers["location"] == f"/v1/runs/{run['id']}"
    assert (run["status"], run["task"]) == ("queued", "claims-desk")
    digests = {arm["name"]: arm["digest"] for arm in run["config"]["arms"]}
    assert digests["good"] == world.catalog.find("good").digest

    early = world.call("GET", f"/v1/runs/{run['id']}/report")
    assert early.status_code == 409

    # Events until the end: each line of data is JSON, the last event says it is over.
    stream = world.call("GET", f"/v1/runs/{run['id']}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    kinds = [line.removeprefix("event: ") for line in stream.text.splitlines() if line.startswith("event:")]
    events = [json.loads(line.removeprefix("data: ")) for line in stream.text.splitlines() if line.startswith("data:")]
    assert set(kinds[:-1]) <= {"progress"}
    assert kinds[-1] == "end"
    assert events[-1]["status"] == "succeeded", world.worker_log
    assert (
        events[-1]["progress"]["done"] == events[-1]["progress"]["total"] == 36 + 4 * 4
    )  # the test; on validation 3 ways of scoring, and the custom model

    done = world.call("GET", f"/v1/runs/{run['id']}").json()
    assert [row["arm"] for row in done["summary"]["rows"]] == ["majority class", "plain", "good"]
    assert done["summary"]["verdict"] is not None

    def read(format: str) -> Any:
        return world.call("GET", f"/v1/runs/{run['id']}/report?format={format}")

    assert read("json").json() == done["summary"]
    assert "<html" in read("html").text
    assert read("md").text.startswith("# claims-desk")
    assert [row["arm"] for row in csv.DictReader(io.StringIO(read("csv").text))] == ["majority class", "plain", "good"]
    assert read("pdf").status_code == 422

    # Predictions page by cursor, each once.
    seen, cursor = [], ""
    while cursor is not None:
        page = world.call("GET", f"/v1/runs/{run['id']}/predictions?limit=10" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [(one["arm"], one["condition"], one["case_id"]) for one in page["data"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 36 + 4 * 4  # the test; on validation 3 ways of scoring, and the custom model
    assert seen == sorted(seen)
    only = world.call("GET", f"/v1/runs/{run['id']}/predictions?arm=good&condition=base").json()["data"]
    assert {one["arm"] for one in only} == {"good"}
    for key in ("zzz", made(["run_1"]), made(["a\0", "base", 1]), made(["a", "base", 10**30]), made(["a", "\ud800", 1])):
        assert world.call("GET", f"/v1/runs/{run['id']}/predictions?cursor={key}").status_code == 400
    for key in ("zzz", made(["run_1"]), made(["\ud800"]), made(["a", "base", 1])):
        assert world.call("GET", f"/v1/runs?cursor={key}").status_code == 400

    cancelled = world.call("POST", f"/v1/runs/{run['id']}/cancel")
    assert cancelled.status_code == 409
    assert "succeeded" in cancelled.text


def test_an_arm_that_fails_on_every_case_is_in_the_table_and_fails_no_other(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_BROKEN", "plain@1")
    world.start_worker()
    both = world.finished(world.call("POST", RUNS, SMALL).json()["id"])
    assert both["status"] == "succeeded", world.worker_log
    _, plain, good = both["summary"]["rows"]
    assert plain["failure"] == "Failed: 0 of 12 cases were answered. The first: The weights are damaged."
    assert (plain["accuracy"]["estimate"], plain["unparsed"], plain["cases_per_second"]) == (0.0, 12, None)
    assert (good["failure"], good["unparsed"]) == (None, 0)
    # An outage decides nothing: there is no verdict over a model that was not there.
    assert both["summary"]["verdict"] is None
    markdown = world.call("GET", f"/v1/runs/{both['id']}/report?format=md").text
    assert "plain (failed)" in markdown
    assert "The weights are damaged." in markdown
    assert "it needs a general and a custom arm in the same run that answered; failed: plain" in markdown
    rows = [one for one in world.predictions(both["id"]) if one.arm == "plain"]
    assert len(rows) == 12 + 3 * 4
    assert {one.label for one in rows} == {None}
    assert {one.error_code for one in rows} == {"broken", "arm_given_up"}

    alone = world.finished(world.call("POST", RUNS, SMALL | {"models": ["plain"]}).json()["id"])
    assert alone["status"] == "failed"
    assert alone["error"].startswith("No model answered. plain: Failed: 0 of 12")

    # A context that holds no case is what a model can do, no outage: it counts, in the verdict too.
    monkeypatch.setenv("STAND_IN_BROKEN", "")
    monkeypatch.setenv("STAND_IN_SHORT", "good@1")
    short = world.finished(world.call("POST", RUNS, SMALL).json()["id"])
    assert short["status"] == "succeeded", world.worker_log
    good = short["summary"]["rows"][2]
    assert (good["failure"], good["accuracy"]["estimate"]) == (None, 0.0)
    assert "12 cases were longer than its context and count as wrong." in good["notes"]
    assert short["summary"]["verdict"]["decision"] == "general"


def test_a_model_that_has_learned_the_validation_rows_is_not_asked_about_them_and_nothing_is_chosen_on_them(world: Any) -> None:
    folder = world.catalog.find("good").folder
    card = read_card(folder / "card.toml")
    write_card(card.model_copy(update={"made": Made(refitted_on=("ds_1",))}), folder / "card.toml")
    world.start_worker()
    run = world.finished(world.call("POST", RUNS, SMALL).json()["id"])
    assert run["status"] == "succeeded", world.worker_log
    rows = {row["arm"]: row for row in run["summary"]["rows"]}
    assert rows["plain"]["validation_accuracy"] is not None
    assert rows["good"]["validation_accuracy"] is None
    assert "has learned the validation rows (refit)" in rows["good"]["reasons"]["validation_accuracy"]
    assert rows["good"]["accuracy"]["n"] == run["summary"]["cases"]
    assert not any(one.condition.startswith("validation") for one in world.predictions(run["id"]) if one.arm == "good")
    for format in ("html", "md"):
        report = world.call("GET", f"/v1/runs/{run['id']}/report?format={format}")
        assert "has learned the validation rows (refit)" in report.text

    verdict = world.call("POST", "/v1/verdicts", {"run": run["id"]})
    assert verdict.status_code == 201, verdict.text
    told = verdict.json()["verdict"]
    assert told["cascade"] is None
    why = "good has learned the validation rows, on which the threshold would be chosen; train it without refit"
    assert why in told["cascade_note"]


def test_runs_list_newest_first_and_a_cancelled_run_never_starts(world: Any) -> None:
    ids = [world.call("POST", RUNS, SMALL).json()["id"] for _ in range(3)]
    first = world.call("GET", "/v1/runs?limit=2").json()
    second = world.call("GET", f"/v1/runs?limit=2&cursor={first['next_cursor']}").json()
    assert [run["id"] for run in (*first["data"], *second["data"])] == list(reversed(ids))
    assert second["next_cursor"] is None
    assert world.call("GET", "/v1/runs?task=other").json()["data"] == []

    assert world.call("POST", f"/v1/runs/{ids[0]}/cancel").json()["status"] == "cancelled"
    world.start_worker()
    assert world.finished(ids[2])["status"] == "succeeded", world.worker_log
    assert world.call("GET", f"/v1/runs/{ids[0]}").json()["status"] == "cancelled"
    assert world.predictions(ids[0]) == []
    assert "it is cancelled" in world.call("GET", f"/v1/runs/{ids[0]}/report").text
    assert world.call("GET", "/v1/runs/run_none/events").status_code == 404


def test_a_run_cancelled_in_the_middle_keeps_its_answers_and_stops(world: Any) -> None:
    run = world.call("POST", RUNS, SMALL | {"limit": None, "repeats": 20}).json()["id"]
    world.start_worker()
    events = world.predictions(run)
    while len(events) < 40:
        events = world.predictions(run)
    assert world.call("POST", f"/v1/runs/{run}/cancel").status_code == 200
    following = world.call("POST", RUNS, SMALL).json()["id"]
    assert world.finished(following)["status"] == "succeeded", world.worker_log
    over = world.call("GET", f"/v1/runs/{run}").json()
    assert (over["status"], over["summary"]) == ("cancelled", None)
    assert 40 <= len(world.predictions(run)) < over["progress"]["total"]


def test_answers_already_there_are_never_replaced(world: Any) -> None:
    async def twice() -> list[str | None]:
        database = connect(world.settings.database)
        empty = dict.fromkeys(
            ("probabilities", "label_mass", "text", "prompt_tokens", "completion_tokens", "latency_ms", "digest", "error")
        )
        key = {"arm": "good", "case_id": 3, "condition": "base", "gold": "auto"}
        async with transaction(database) as session:
            run = await store.create_run(session, "claims-desk", "ds_1", {})
            await store.add_predictions(session, run.id, [key | empty | {"label": "auto"}])
        async with transaction(database) as session:
            again = [key | empty | {"label": "home"}, key | empty | {"label": "home", "case_id": 4}]
            await store.add_predictions(session, run.id, again)
        async with transaction(database) as session:
            labels = [one.label for one in await store.predictions(session, run.id)]
        await database.close()
        return labels

    assert asyncio.run(twice()) == ["auto", "home"]
