"""Classification over HTTP: by the labels' log-likelihoods in one pass, or by a sampled answer."""

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.benchmarks.measures.calibration import per_token
from app.catalog.catalog import Catalog
from app.catalog.prompts import as_messages, classification_prompt
from app.database.tables import Classification
from app.engines.base import ScoreRequest, Scores
from app.engines.fake import FakeEngine
from app.inference.labels import Question
from app.inference.scoring import decide_best
from app.inference.tasks import TaskPrompt
from app.settings import Settings
from tests.fakes import FallingEngine, serve_with
from tests.inference.conftest import Rows, Start

LABELS = ["water", "fire", "theft"]


def classify(client: TestClient, **body: Any) -> Any:
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"].startswith("cls_")
    return answer.json()["results"]


def refused(client: TestClient, status: int, **body: Any) -> Any:
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_the_label_is_the_likeliest_and_its_numbers_are_the_engine_s(client: TestClient) -> None:
    (result,) = classify(client, model="general", input="a pipe burst", labels=LABELS)

    engine, model = FakeEngine(Settings()), client.app.state.catalog.find("general")  # type: ignore[attr-defined]
    request = ScoreRequest(model, as_messages(classification_prompt("a pipe burst", LABELS)), LABELS)
    assert client.portal is not None
    scores = client.portal.call(engine.score, request)
    mass = sum(map(math.exp, scores.log_likelihoods))
    expected = {label: math.exp(one) / mass for label, one in zip(LABELS, scores.log_likelihoods, strict=True)}
    assert result["probabilities"] == pytest.approx(expected)
    assert result["label_mass"] == pytest.approx(mass)
    assert result["label"] == max(expected, key=expected.__getitem__)
    first, second, _ = sorted(expected.values(), reverse=True)
    assert result["margin"] == pytest.approx(first - second)
    assert (result["model"], result["version"], result["digest"]) == ("general", 1, model.digest)
    assert (result["index"], result["text"], result["seed"]) == (0, None, None)
    assert result["usage"] == {
        "prompt_tokens": scores.prompt_tokens,
        "completion_tokens": 0,
        "total_tokens": scores.prompt_tokens,
    }
    assert set(result["timing"]) >= {"queue_ms", "total_ms"}


def test_several_models_and_inputs_come_input_by_input_and_as_if_asked_alone(client: TestClient) -> None:
    results = classify(client, models=["claims", "general"], input=["a pipe burst", "it burned"], labels=LABELS)

    assert [(result["index"], result["model"]) for result in results] == [
        (0, "claims"),
        (0, "general"),
        (1, "claims"),
        (1, "general"),
    ]
    (alone,) = classify(client, model="general", input="it burned", labels=LABELS)
    assert results[3]["probabilities"] == alone["probabilities"]


class KnownTasks:
    """One task, as the benchmarks would tell it."""

    async def prompt_for(self, task: str) -> TaskPrompt | None:
        return TaskPrompt(task, "Which kind of claim is it?", ("theft", "fire", "water")) if task == "kind-of-loss" else None


def test_a_model_trained_for_the_task_sees_its_own_prompt_and_another_is_told_the_task(start: Start) -> None:
    client, text = start(), "a pipe burst"
    client.app.state.tasks = KnownTasks()  # type: ignore[attr-defined]

    trained, general = classify(client, models=["claims", "general"], input=text, task="kind-of-loss")

    assert trained["usage"]["prompt_tokens"] == len(f"<user: kind-of-loss: {text}\nassistant:")
    assert list(trained["probabilities"]) == LABELS  # its card's
    told = {"labels": ["theft", "fire", "water"], "instruction": "Which kind of claim is it?"}
    assert general["probabilities"] == classify(client, model="general", input=text, **told)[0]["probabilities"]


def test_a_model_that_was_taught_short_answers_is_asked_for_them_and_answers_in_labels(
    client: TestClient, models_dir: Path
) -> None:
    (result,) = classify(client, model="claims", input="it burned", task="part")
    (said,) = classify(client, model="claims", input="it burned", labels=["water", "fire"], instruction="x")
    assert list(result["probabilities"]) == ["WATER (PIPES)", "FIRE, NEC"]
    assert result["label"] in result["probabilities"]

    request = ScoreRequest(Catalog([models_dir]).find("claims"), as_messages("it burned"), ["water", "fire"])
    scores = asyncio.run(FakeEngine(Settings()).score(request))
    odds = [math.exp(one) for one in scores.log_likelihoods]
    assert list(result["probabilities"].values()) == pytest.approx([one / sum(odds) for one in odds])
    assert said["usage"]["prompt_tokens"] > result["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    ("said", "meant"), [("fire", "FIRE, NEC"), (" Water.", "WATER (PIPES)"), ("FIRE, NEC", "FIRE, NEC"), ("?", None)]
)
def test_a_said_short_answer_is_read_as_its_label(said: str, meant: str | None) -> None:
    question = Question(("WATER (PIPES)", "FIRE, NEC"), ("water", "fire"), str)
    assert question.read(said) == meant


def test_probabilities_are_divided_by_the_temperature_of_the_task_unless_it_is_switched_off(client: TestClient) -> None:
    tempered, plain = (
        classify(client, model="claims", input="it burned", task="loud", temperature_scaling=on)[0] for on in (True, False)
    )
    (other,) = classify(client, model="claims", input="it burned", task="part")

    def log_odds(result: dict[str, Any]) -> float:
        return math.log(result["probabilities"]["water"] / result["probabilities"]["fire"])

    assert log_odds(tempered) == pytest.approx(log_odds(plain) / 2.5)
    assert (tempered["calibration_temperature"], plain["calibration_temperature"]) == (2.5, None)
    assert (tempered["label"], tempered["label_mass"]) == (plain["label"], plain["label_mass"])
    assert other["calibration_temperature"] == 1.0
    assert classify(client, model="claims", input="it burned", labels=["water", "fire"])[0]["calibration_temperature"] is None


def test_the_tokens_of_each_label_are_told_by_which_its_likelihood_per_token_follows(client: TestClient) -> None:
    labels = ["fire", "water damage"]
    whole, mean = (classify(client, model="general", input="it", labels=labels, scoring=how)[0] for how in ("sum", "mean"))
    assert whole["label_tokens"] == {label: len(label) + 1 for label in labels}  # the fake's tokens are characters
    told = per_token(whole["probabilities"], whole["label_mass"], whole["label_tokens"])
    assert told == pytest.approx(mean["probabilities"])
    assert classify(client, model="general", input="it", labels=labels, mode="generate")[0]["label_tokens"] is None
    assert classify(client, model="general", input="it", labels=labels, probabilities=False)[0]["label_tokens"] is None


def test_an_unknown_task_is_not_guessed_at(client: TestClient) -> None:
    for more in ({}, {"labels": LABELS}):
        error = refused(client, 404, model="general", input="x", task="kind-of-los", **more)
        assert error["param"] == "task"
        assert "'kind-of-los'" in error["message"]


def test_labels_beside_a_task_choose_among_the_task_s(client: TestClient) -> None:
    (result,) = classify(client, model="claims", input="it burned", task="kind-of-loss", labels=["theft", "water"])
    assert list(result["probabilities"]) == ["theft", "water"]

    error = refused(client, 400, model="claims", input="it burned", task="kind-of-loss", labels=["theft", "flood"])
    assert error["param"] == "labels"
    assert "'flood' is not a label" in error["message"]


@pytest.mark.parametrize(
    "more", [{"examples": [{"text": "a pipe burst", "label": "water"}]}, {"instruction": "Which kind of claim is it?"}]
)
def test_what_a_trained_model_would_not_see_is_refused_and_changes_the_answer_of_others(
    client: TestClient, more: dict[str, Any]
) -> None:
    error = refused(client, 400, model="claims", input="it burned", task="kind-of-loss", **more)
    assert error["param"] == next(iter(more))

    plain, told = (classify(client, model="claims", input="it burned", labels=LABELS, **one)[0] for one in ({}, more))
    assert plain["usage"]["prompt_tokens"] < told["usage"]["prompt_tokens"] + len(
        "Choose the one label that fits the text best."
    )
    assert plain["probabilities"] != told["probabilities"]


def test_a_generated_answer_is_read_as_a_label_and_the_seed_brings_it_again(client: TestClient) -> None:
    labels = ["the", "claim", "is", "covered", "water", "fire", "theft", "because", "policy", "and"]
    body = {"model": "general", "input": ["a pipe burst", "it burned", "gone"], "labels": labels, "mode": "generate"}

    results = classify(client, **body, temperature=1.0, seed=5)

    assert classify(client, **body, temperature=1.0, seed=5)[1]["text"] == results[1]["text"]
    assert [result["seed"] for result in results] == [5, 6, 7]
    for result in results:
        assert (result["probabilities"], result["label_mass"], result["margin"]) == (None, None, None)
        assert result["label"] is None or result["label"] in result["text"]
        assert 0 < result["usage"]["completion_tokens"] <= len("because") + 4
    assert any(result["label"] for result in classify(client, **body))


def test_max_tokens_bounds_a_generated_answer(client: TestClient) -> None:
    (result,) = classify(client, model="general", input="x", labels=LABELS, mode="generate", max_tokens=2)

    assert result["usage"]["completion_tokens"] <= 2


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"input": "x", "labels": LABELS}, 422, "model"),
        ({"model": "general", "models": ["claims"], "input": "x", "labels": LABELS}, 422, "models"),
        ({"models": [], "input": "x", "labels": LABELS}, 422, "models"),
        ({"models": ["general", "general"], "input": "x", "labels": LABELS}, 422, "models"),
        ({"model": "general", "input": "x"}, 422, "labels"),
        ({"model": "general", "input": "x", "labels": []}, 422, "labels"),
        ({"model": "general", "input": "x", "labels": ["fire", "fire"]}, 422, "labels"),
        ({"model": "general", "input": "x", "labels": ["fire", " "]}, 422, "labels.1"),
        ({"model": "general", "input": "x", "labels": ["fire", "a\0b"]}, 422, "labels.1"),
        ({"model": "general", "input": "x", "labels": [str(at) for at in range(11)]}, 413, "labels"),
        ({"model": "general", "input": "  ", "labels": LABELS}, 422, "input.text"),
        ({"model": "general", "input": [], "labels": LABELS}, 422, "input.texts"),
        ({"model": "general", "input": ["x", ""], "labels": LABELS}, 422, "input.texts.1"),
        ({"model": "general", "input": 5, "labels": LABELS}, 422, "input"),
        ({"model": "general", "input": "x" * 2001, "labels": LABELS}, 413, "input"),
        ({"model": "general", "input": ["x"] * 9, "labels": LABELS}, 413, "input"),
        ({"models": ["general", "claims"], "input": ["x"] * 5, "labels": LABELS}, 413, "input"),
        ({"model": "general", "input": "x", "labels": LABELS, "temperature": 0.5}, 422, "temperature"),
        ({"model": "general", "input": "x", "labels": LABELS, "max_tokens": 5}, 422, "max_tokens"),
        ({"model": "general", "input": "x", "labels": LABELS, "examples": [{"text": "y", "label": "z"}]}, 422, "examples"),
        ({"model": "general", "input": "x", "labels": LABELS, "mode": "guess"}, 422, "mode"),
        ({"model": "nobody", "input": "x", "labels": LABELS}, 404, "model"),
        ({"model": "short", "input": "x", "labels": LABELS}, 400, None),
    ],
)
def test_what_cannot_be_classified_is_refused_with_the_field_s_name(
    client: TestClient, body: dict[str, Any], status: int, param: str | None
) -> None:
    error = refused(client, status, **body)

    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


def test_a_text_longer_than_the_context_has_the_code_that_benchmarks_read(client: TestClient) -> None:
    for mode in ("score", "generate"):
        error = refused(client, 400, model="short", input="x", labels=LABELS, mode=mode)
        assert error["code"] == "context_length_exceeded"


def test_damaged_weights_are_an_error_not_a_label(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_with(monkeypatch, FallingEngine)

    error = refused(start(), 500, model="general", input="x", labels=LABELS)

    assert "general@1" in error["message"]
    assert "damaged" in error["message"]


def test_labels_are_compared_as_asked_and_the_log_tells_how(client: TestClient, rows: Rows) -> None:
    labels = ["fire", "water damage of a ground floor"]
    asked = [
        classify(client, model="general", input="a pipe burst", labels=labels, **more)[0]
        for more in ({}, {"scoring": "sum"}, {"scoring": "mean"}, {"scoring": "calibrated"})
    ]

    plain, by_sum, by_mean, calibrated = (result["probabilities"] for result in asked)
    assert plain == by_sum
    assert len({tuple(one.values()) for one in (by_sum, by_mean, calibrated)}) == 3
    assert len({result["label_mass"] for result in asked}) == 1
    assert [row.scoring for row in rows(client, Classification)][-4:] == ["sum", "sum", "mean", "calibrated"]


def test_scoring_is_not_for_generated_answers(client: TestClient) -> None:
    error = refused(client, 422, model="general", input="a", labels=LABELS, mode="generate", scoring="mean")
    assert error["param"] == "scoring"


# ---- Only the best label


@pytest.mark.parametrize("scoring", ["sum", "mean", "calibrated"])
def test_only_the_best_label_comes_with_bounds_that_hold_and_is_logged(client: TestClient, rows: Rows, scoring: str) -> None:
    asked = {"model": "general", "input": "a pipe burst", "labels": LABELS, "scoring": scoring}
    (whole,) = classify(client, **asked)
    (best,) = classify(client, **asked, probabilities=False)

    assert best["label"] == whole["label"]
    assert [best[name] for name in ("probabilities", "label_mass", "margin")] == [None] * 3
    low, high = best["bounds"]["probability"]
    assert low - 1e-9 <= whole["probabilities"][best["label"]] <= high + 1e-9
    low, high = best["bounds"]["label_mass"]
    assert low - 1e-9 <= whole["label_mass"] <= high + 1e-9
    assert whole["bounds"] is None
    logged = {row.bounds is not None: row for row in rows(client, Classification)}
    assert logged[True].bounds == best["bounds"]
    assert logged[True].probabilities is None
    assert logged[False].label_mass == whole["label_mass"]


def test_what_was_not_computed_widens_the_bounds() -> None:
    scores = Scores([math.log(0.6), math.log(0.1), math.log(0.2)], [1, 1, 1], 5, 0.0, 0.0, bounded=frozenset({2}))
    decision = decide_best(LABELS, scores.log_likelihoods, scores)
    assert decision.label == "water"
    assert decision.bounds is not None
    assert decision.bounds.probability == pytest.approx((0.6 / 0.9, 0.6 / 0.7))
    assert decision.bounds.label_mass == pytest.approx((0.7, 0.9))


def test_a_generated_answer_has_no_probabilities_to_leave_out(client: TestClient) -> None:
    error = refused(client, 422, model="general", input="x", labels=LABELS, mode="generate", probabilities=False)
    assert error["param"] == "probabilities"
