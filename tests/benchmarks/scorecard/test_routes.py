"""Scorecards over HTTP: what is refused, and one from request to report by a real worker."""

import json
from typing import Any

import pytest

from tests.benchmarks.scorecard.conftest import Service

# The task's own labels hold a refusal, so that one run tells of the task and of the rules.
ASKED = {
    "custom": "desk",
    "task": "desk-claims",
    "rules_task": "desk-claims",
    "refusals": ["decline"],
    "limit": 20,
    "validation_cases": 4,
    "texts": 12,
    "jargon": 10,
    "per_kind": 2,
}


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"custom": "dseck"}, 404, "desk"),
        ({"custom": "general"}, 409, "against itself"),
        ({"task": "nothing"}, 404, "desk-claims"),
        ({"refusals": ["refuse"]}, 422, "approve"),
        ({"run": "run_1"}, 404, "run_1"),
        ({"general_texts": "books"}, 404, "books"),
        ({"texts": 3}, 422, "texts"),
        ({"lmit": 30}, 422, "lmit"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_queued(
    service: Service, change: dict[str, Any], status: int, told: str
) -> None:
    refused = service.call("POST", "/v1/scorecards", ASKED | change)
    assert refused.status_code == status
    assert told in refused.text
    assert service.call("GET", "/v1/scorecards").json() == {"data": [], "next_cursor": None}
    assert service.call("GET", "/v1/runs").json()["data"] == []


def test_a_cancelled_scorecard_takes_the_runs_with_it_that_were_started_for_it(service: Service) -> None:
    queued = service.call("POST", "/v1/scorecards", ASKED).json()
    # The task is its own rules task here: one run serves both.
    assert queued["config"]["started"] == [queued["config"]["run"]] == [queued["config"]["rules_run"]]
    cancelled = service.call("POST", f"/v1/scorecards/{queued['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    assert service.call("GET", f"/v1/runs/{queued['config']['run']}").json()["status"] == "cancelled"
    told = service.call("GET", f"/v1/scorecards/{queued['id']}/events").text
    assert told.startswith("event: end\n")
    assert '"status":"cancelled"' in told
    assert service.call("GET", f"/v1/scorecards/{queued['id']}/report").status_code == 409


def test_a_scorecard_from_request_to_report(service: Service) -> None:
    small = {"models": ["general", "desk"], "baselines": [], "few_shot": False, "limit": 12, "validation_cases": 2}
    again = {"repeats": 2, "rewordings": 0, "consistency_cases": 10}
    run = service.call("POST", "/v1/benchmarks/desk-claims/runs", small | again).json()["id"]
    wrong = service.call("POST", "/v1/scorecards", ASKED | {"task": "claims-type", "run": run})
    assert wrong.status_code == 409
    assert "claims-type" in wrong.text
    accepted = service.call("POST", "/v1/scorecards", ASKED | {"run": run})
    assert accepted.status_code == 202, accepted.text
    queued = accepted.json()
    assert accepted.headers["location"] == f"/v1/scorecards/{queued['id']}"
    assert (queued["config"]["started"], queued["config"]["rules_run"]) == ([], run)
    assert service.call("GET", f"/v1/scorecards/{queued['id']}/report").status_code == 409
    service.start_worker()

    done = service.finished(queued["id"])
    assert done["status"] == "succeeded", done["error"]
    result = done["result"]
    assert [reason["key"] for reason in result["reasons"]] == [
        "domain_data",
        "vocabulary",
        "task_optimisation",
        "control",
        "cost_and_performance",
    ]
    # Every number has its n and an interval that holds it; what is missing says why; no NaN anywhere.
    for reason in result["reasons"]:
        assert reason["state"] in ("supported", "refuted", "inconclusive")
        assert reason["why"]
        for measure in (reason["deciding"], *reason["others"]):
            if measure["difference"] is None:
                assert measure["missing"], measure["name"]
                continue
            for one in (measure["general"], measure["custom"], measure["difference"]):
                assert one["low"] <= one["estimate"] <= one["high"], measure["name"]
                assert one["n"] > 0
    json.dumps(result, allow_nan=False)
    deciding = {reason["key"]: reason["deciding"]["difference"] for reason in result["reasons"]}
    assert (deciding["domain_data"]["n"], deciding["task_optimisation"]["n"], deciding["control"]["n"]) == (12, 12, 12)
    assert result["generality"]["accuracy"]["difference"]["n"] == 2 * len(result["generality"]["kinds"])

    told = service.call("GET", f"/v1/scorecards/{queued['id']}/report").text
    assert told.startswith("# Scorecard: desk@1 against general@1 on desk-claims")
    assert service.call("GET", f"/v1/scorecards/{queued['id']}/report?format=json").json() == result
    assert [one["result"] for one in service.call("GET", "/v1/scorecards?limit=1").json()["data"]] == [None]
    assert service.call("POST", f"/v1/scorecards/{queued['id']}/cancel").status_code == 409
