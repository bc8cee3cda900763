"""Answers as inspect_ai's EvalSample: its required fields, its verdict letters, an epoch per repeat."""

import json

import pytest

from app.benchmarks.peers import inspect
from tests.benchmarks.gate.runs import LABELS, answers, golds, make_run


def test_a_sample_has_the_fields_of_an_eval_sample() -> None:
    run = make_run({"general": answers(30, 0.5, 1), "desk@1": answers(30, 0.7)}, reruns={"desk@1": {4: ["theft", None]}})
    samples = list(inspect.samples(run, "desk@1"))
    assert len(samples) == 30 + 2
    assert len({(sample["id"], sample["epoch"]) for sample in samples}) == 32
    for sample in samples:
        json.dumps(sample, allow_nan=False)
        assert {"id", "epoch", "input", "target", "messages", "output", "scores", "metadata", "model_usage"} <= set(sample)
        assert [message["role"] for message in sample["messages"]] == ["user", "assistant"]
        assert sample["output"]["choices"][0]["message"]["content"] == sample["output"]["completion"]
        usage = sample["model_usage"]["desk@1"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 32
        assert sample["choices"] == list(LABELS)
        assert sample["metadata"]["country"] in ("US", "CA")
    letters = [sample["scores"]["match"]["value"] for sample in samples if sample["epoch"] == 1]
    assert letters == ["C" if answer == gold else "I" for answer, gold in zip(answers(30, 0.7), golds(30), strict=True)]
    again = [sample for sample in samples if sample["id"] == 104 and sample["epoch"] > 1]
    assert [sample["scores"]["match"]["answer"] for sample in again] == ["theft", None]
    assert again[1]["scores"]["match"] | {"metadata": None} == {
        "value": "I",
        "answer": None,
        "explanation": "It is None.",
        "metadata": None,
    }


def test_inspect_ai_itself_reads_the_samples_and_counts_the_same_answers_right() -> None:
    log = pytest.importorskip("inspect_ai.log", reason="inspect_ai is not installed; its own reader is not asked")
    wrong = answers(30, 0.7)
    wrong[3] = None
    run = make_run({"general": answers(30, 0.5, 1), "desk@1": wrong}, reruns={"desk@1": {4: ["theft", None]}})
    ours = list(inspect.samples(run, "desk@1"))
    theirs = [log.EvalSample.model_validate_json(json.dumps(sample)) for sample in ours]
    for mine, read in zip(ours, theirs, strict=True):
        assert (read.id, read.epoch, read.input, read.target) == (mine["id"], mine["epoch"], mine["input"], mine["target"])
        assert read.output.completion == read.messages[-1].text == mine["output"]["completion"]
        assert read.scores["match"].as_str() == mine["scores"]["match"]["value"]
        assert read.model_usage["desk@1"].total_tokens == 32
        assert set(mine) <= set(type(read).model_fields)  # nothing that it would silently drop
        again = json.loads(read.model_dump_json(exclude_none=True))
        assert again["scores"]["match"]["metadata"] == mine["scores"]["match"]["metadata"]
    assert len({(one.id, one.epoch) for one in theirs}) == len(theirs)
    right = sum(a == b for a, b in zip(wrong, golds(30), strict=True))
    assert sum(one.scores["match"].as_str() == "C" for one in theirs if one.epoch == 1) == right
