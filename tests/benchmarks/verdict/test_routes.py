"""Verdicts over HTTP and by command: asked of a real run, stored, listed, and refused with the reason."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app as commands
from tests.server import serve

RUN = {"models": ["plain", "good"], "baselines": ["majority"], "repeats": 0, "rewordings": 0, "few_shot": False}


@pytest.fixture
def run(world: Any) -> str:
    """A run that succeeded: `good` is right in 95 % of 90 cases, `plain` in 60 %."""
    world.start_worker()
    made = world.call("POST", "/v1/benchmarks/claims-desk/runs", RUN).json()["id"]
    assert world.finished(made)["status"] == "succeeded", world.worker_log
    return str(made)


def test_a_verdict_by_request_and_by_command(world: Any, run: str, tmp_path: Any, monkeypatch: Any) -> None:
    _by_request(world, run)
    _by_command(world, run, tmp_path)
    _as_the_task_says(world, run, monkeypatch)


def _by_request(world: Any, run: str) -> None:
    asked = {
        "run": run,
        "costs": {"currency": "EUR", "wrong": 10},
        "metrics": ["accuracy", "macro_f1", "cost"],
        "recall_floors": {"auto": 0.5},
        "prices": {"general": {"input_per_million": 3, "output_per_million": 15}, "custom": {"per_hour": 1.2}},
        "training": {"cost": 10},
        "currency": "EUR",
    }
    made = world.call("POST", "/v1/verdicts", asked)
    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["location"] == f"/v1/verdicts/{body['id']}"
    assert world.call("GET", f"/v1/verdicts/{body['id']}").json() == body
    verdict = body["verdict"]
    assert (body["decision"], verdict["custom"], verdict["general"], verdict["pair"]["n"]) == ("custom", "good", "plain", 90)
    assert [one["metric"] for one in verdict["metrics"]] == ["accuracy", "macro_f1", "cost"]
    # Ten euros a mistake: the money per 1,000 cases is the error rate times 10,000.
    accuracy, _, cost = verdict["metrics"]
    assert cost["first"]["estimate"] == pytest.approx(10_000 * (1 - accuracy["first"]["estimate"]))
    assert {(one["arm"], one["state"]) for one in verdict["floors"]} >= {("good", "met")}
    assert verdict["economics"]["break_even"] is not None
    assert "on 40 validation cases good alone does as well" in verdict["cascade_note"]  # every model answered them
    assert verdict["baseline"]["second"] == "majority class"

    # The run's own verdict is by the same code and the same rule.
    own = world.call("GET", f"/v1/runs/{run}").json()["summary"]["verdict"]
    assert own["pair"] == verdict["pair"]

    second = world.call("POST", "/v1/verdicts", {"run": run, "custom": "plain", "general": "good"}).json()
    assert (second["decision"], second["verdict"]["pair"]["p_value"]) == ("general", verdict["pair"]["p_value"])
    notes = " ".join(second["verdict"]["notes"])
    assert "good is a custom arm; it was named to stand where the general model stands." in notes
    first_page = world.call("GET", f"/v1/verdicts?run={run}&limit=1").json()
    assert [(one["id"], one["verdict"]) for one in first_page["data"]] == [(second["id"], None)]
    rest = world.call("GET", f"/v1/verdicts?cursor={first_page['next_cursor']}").json()
    assert [one["id"] for one in rest["data"]] == [body["id"]]

    for change, status, told in (
        ({"run": "run_none"}, 404, "GET /v1/runs"),
        ({"custom": "goood"}, 400, "majority class, plain, good"),
        ({"custom": "plain", "general": "plain"}, 400, "compared with itself"),
        ({"recall_floors": {"aut": 0.9}}, 400, "no label"),
        ({"recall_floors": {"auto": 1}}, 422, "less than 1"),
        ({"costs": {"currency": "EUR", "matrix": {"auto": {"home": 3}}}}, 400, "leaves"),
        ({"costs": {"currency": "EUR", "wrong": 1, "matrix": {"aut": {"home": 3}}}}, 400, "aut"),
        ({"metrics": ["cost"]}, 400, "cost matrix"),
        ({"margin_money": 5}, 400, "margin_money"),
        ({"prices": {"nobody": {"per_hour": 1}}}, 400, "nobody"),
        ({"prices": {"good": {}}}, 422, "per_hour"),
        ({"cost_rule": "money"}, 400, "no price is given"),
        ({"margin": 1}, 422, "margin"),
    ):
        refused = world.call("POST", "/v1/verdicts", {"run": run} | change)
        assert refused.status_code == status, (change, refused.text)
        assert told in refused.text, (change, refused.text)
    assert len(world.call("GET", "/v1/verdicts").json()["data"]) == 2  # what is refused is not stored
    assert world.call("GET", "/v1/verdicts/verdict_none").status_code == 404
    assert world.call("GET", "/v1/verdicts?cursor=zzz").status_code == 400


def test_a_run_that_is_not_over_has_no_verdict(world: Any) -> None:
    queued = world.call("POST", "/v1/benchmarks/claims-desk/runs", RUN).json()["id"]
    refused = world.call("POST", "/v1/verdicts", {"run": queued})
    assert refused.status_code == 409
    assert f"/v1/runs/{queued}/events" in refused.text


def _by_command(world: Any, run: str, tmp_path: Any) -> None:
    """The rule first, then the decision, then numbers and money."""
    matrix = tmp_path / "costs.toml"
    matrix.write_text('currency = "EUR"\nwrong = 10\n\n[matrix.auto]\nhome = 50\n')
    words = ["verdict", run, "--cost-matrix", str(matrix), "--margin", "20EUR", "--floor", "auto=0.5", "--currency", "EUR"]
    words += ["--price", "general=3/15", "--price", "custom=1.20/h", "--training-cost", "10", "--every-pair"]
    with serve(world.app()) as url:
        told = CliRunner().invoke(commands, [*words, "--url", url])
        assert told.exit_code == 0, told.output
        assert told.output.index("Rule.") < told.output.index("Verdict: custom.") < told.output.index("Cost of mistakes EUR")
        for part in (
            "Recall floor auto 50 %",
            "Running plain:",
            "Running good:",
            "majority class against plain:",
            "Stored as verdict_",
        ):
            assert part in told.output
        machine = CliRunner().invoke(commands, [*words, "--url", url, "--json"])
        assert json.loads(machine.stdout)["decision"] == "custom"
        for wrong, says in (
            (["--margin", "1"], "say of what"),
            (["--margin", "1%"], "say of what"),
            (["--floor", "0.9"], "names nothing"),
            (["--price", "custom=cheap"], "is no number"),
            (["--cost-matrix", str(tmp_path / "none.toml")], "cannot be read"),
        ):
            failed = CliRunner().invoke(commands, ["verdict", run, *wrong, "--url", url])
            assert failed.exit_code == 2
            assert says in failed.stderr


def _as_the_task_says(world: Any, run: str, monkeypatch: Any) -> None:
    """A task may bring its costs and recall floors; a request's own go before them."""
    told = SimpleNamespace(costs=SimpleNamespace(currency="EUR", matrix={"auto": {"home": 50.0}}), recall_floors={"auto": 0.5})

    async def find(*_: object) -> Any:
        return told

    monkeypatch.setattr("app.benchmarks.tasks.find_task", find)
    of_task = world.call("POST", "/v1/verdicts", {"run": run}).json()
    assert [one["metric"] for one in of_task["verdict"]["metrics"]] == ["cost"]
    assert {one["label"] for one in of_task["verdict"]["floors"]} == {"auto"}
    assert of_task["request"]["recall_floors"] == {"auto": 0.5}
    own = world.call("POST", "/v1/verdicts", {"run": run, "recall_floors": {"home": 0.5}}).json()
    assert {one["label"] for one in own["verdict"]["floors"]} == {"home"}
