"""One arm's answers as the sample lines that lm-evaluation-harness writes with --log_samples."""

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

from app.benchmarks.gate.runfile import RunFile
from app.benchmarks.schemas import PredictionOut

_LEAST = 1e-300  # of a share, so that its logarithm is a number


def samples(file: RunFile, arm: str) -> Iterator[dict[str, Any]]:
    """One sample per test case, in the order in which they were asked.

    A case whose labels were scored is a multiple choice, an answer in words a generation. Responses hold the logarithm of each
    label's share among the labels; the harness's own are log-likelihoods, which differ by the same number for all labels of a
    case, so that acc, the argmax, is the same. Whether a label is greedy is not known: "None".
    """
    answers = {answer.case_id: answer for answer in file.answers if answer.arm == arm and answer.condition == "base"}
    for case in file.cases:
        yield _sample(file, case.text, case.gold, answers[case.id])


def _sample(file: RunFile, text: str, gold: str, answer: PredictionOut) -> dict[str, Any]:
    doc = {"text": text, "label": gold}
    if answer.probabilities is not None:
        labels = [label for label in file.labels if label in answer.probabilities]
        target = str(labels.index(gold)) if gold in labels else str(len(labels))
        arguments = {f"gen_args_{place}": {"arg_0": text, "arg_1": f" {label}"} for place, label in enumerate(labels)}
        filtered: list[Any] = [[str(math.log(max(answer.probabilities[label], _LEAST))), "None"] for label in labels]
    else:
        target, said = gold, answer.text or ""
        arguments = {"gen_args_0": {"arg_0": text, "arg_1": "{}"}}
        filtered = [said]
    return {
        "doc_id": answer.case_id,
        "doc": doc,
        "target": target,
        "arguments": arguments,
        "resps": [[one] for one in filtered],
        "filtered_resps": filtered,
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(text),
        "target_hash": _hash(target),
        "acc": float(answer.label == gold),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
