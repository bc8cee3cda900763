"""Deltas and exports over HTTP, from runs in a database."""

import json
from typing import Any

import httpx
import pytest

from app.benchmarks.gate.runfile import RunFile
from tests.benchmarks.gate.runs import answers, golds

N = 60


def get(service: str, path: str, **params: Any) -> httpx.Response:
    return httpx.get(f"{service}/v1/runs/{path}", params=params, trust_env=False, timeout=60)


def test_deltas_count_what_changed_and_page_the_cases(service: str) -> None:
    found = get(service, "run_2/deltas", baseline="run_1").json()
    before, now, gold = answers(N, 0.6), answers(N, 0.95, 2), golds(N)
    improved = [100 + place for place in range(N) if before[place] != gold[place] == now[place]]
    regressed = [100 + place for place in range(N) if before[place] == gold[place] != now[place]]
    assert (found["arm"], found["baseline_arm"], found["n"]) == ("desk@2", "desk@1", N)
    assert (found["improved"], found["regressed"]) == (len(improved), len(regressed))
    assert sum(found[name] for name in ("improved", "regressed", "flipped", "same_right", "same_wrong")) == N
    assert found["difference"]["estimate"] == pytest.approx((len(improved) - len(regressed)) / N)
    assert sum(one["n"] for one in found["by_label"]) == N
    assert {one["label"] for one in found["by_label"]} == {"fire", "theft", "fraud"}

    seen, cursor = [], ""
    while cursor is not None:
        page = get(
            service, "run_2/deltas", baseline="run_1", change="improved", limit=7, **({"cursor": cursor} if cursor else {})
        ).json()
        seen += page["data"]
        cursor = page["next_cursor"]
    assert [one["case"] for one in seen] == improved
    assert all(one["text"] == f"note {one['case'] - 100}" for one in seen)
    fire = get(service, "run_2/deltas", baseline="run_1", label="fire").json()["data"]
    assert {one["gold"] for one in fire} == {"fire"}


def test_an_arm_of_the_same_run_is_a_baseline_too(service: str) -> None:
    found = get(service, "run_1/deltas", baseline="run_1", arm="desk@1", baseline_arm="general").json()
    assert (found["arm"], found["baseline_arm"]) == ("desk@1", "general")


@pytest.mark.parametrize(
    ("path", "params", "status", "told"),
    [
        ("run_2/deltas", {}, 422, "baseline"),
        ("run_2/deltas", {"baseline": "run_none"}, 404, "run_none"),
        ("run_2/deltas", {"baseline": "run_3"}, 400, "40 only the first, 0 only the second"),
        ("run_2/deltas", {"baseline": "run_going"}, 409, "is running"),
        ("run_going/export", {}, 409, "is running"),
        ("run_2/deltas", {"baseline": "run_1", "arm": "desk"}, 404, "its arms are desk@2"),
        ("run_2/deltas", {"baseline": "run_1", "label": "frod"}, 400, "fire, theft, fraud, flood"),
        ("run_2/deltas", {"baseline": "run_1", "change": "gone"}, 422, "change"),
        ("run_2/deltas", {"baseline": "run_1", "cursor": "x"}, 400, "cursor"),
        ("run_2/deltas", {"baseline": "run_1", "bseline": "x"}, 422, "bseline"),
        ("run_1/export", {"format": "csv"}, 422, "format"),
        ("run_1/export", {"format": "inspect", "arm": "nobody"}, 404, "general, desk@1"),
    ],
)
def test_what_cannot_be_compared_or_exported_is_refused(service: str, path: str, params: Any, status: int, told: str) -> None:
    refused = get(service, path, **params)
    assert refused.status_code == status, refused.text
    assert told in refused.text


def test_an_export_is_the_run_with_its_answers(service: str) -> None:
    run = RunFile.model_validate(get(service, "run_1/export").json())
    assert sorted(run.arms) == ["desk@1", "general"]
    assert run.timed == 30
    assert (len(run.cases), run.dataset.sha256) == (N, "0" * 64)
    assert dict(zip(run.result("desk@1").cases, run.result("desk@1").predicted, strict=True)) == {
        100 + place: label for place, label in enumerate(answers(N, 0.6))
    }
    assert sorted(map(len, run.result("desk@1").reruns.values())) == [2, 2]
    one = RunFile.model_validate(get(service, "run_1/export", arm="general").json())
    assert list(one.arms) == ["general"]


def test_a_peers_export_is_one_json_a_line(service: str) -> None:
    text = get(service, "run_2/export", format="lm-eval").text
    assert len([json.loads(line) for line in text.splitlines()]) == N
    text = get(service, "run_1/export", format="inspect", arm="desk@1").text
    epochs = [json.loads(line)["epoch"] for line in text.splitlines()]
    assert [epochs.count(epoch) for epoch in (1, 2, 3)] == [N, 2, 2]
