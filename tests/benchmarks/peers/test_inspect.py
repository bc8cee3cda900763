"""Answers as inspect_ai's EvalSample: its required fields, its verdict letters, an epoch per repeat."""

import json

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
