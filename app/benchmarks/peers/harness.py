"""One arm's answers as the sample lines that lm-evaluation-harness writes with --log_samples."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from app.benchmarks.gate.runfile import RunFile
from app.benchmarks.schemas import PredictionOut

_LEAST = 1e-300  # of a share, so that its logarithm is a number


def samples(file: RunFile, arm: str) -> Iterator[dict[str, Any]]:
    """One sample per test case, in the order in which they were asked.

    An arm whose labels were scored answers a multiple choice, one that answered in words generates. Responses hold the
    logarithm of each label's share among the labels. The harness's own are log-likelihoods, which differ from it by the same
    number for all labels of a case: acc, the argmax, is the same. "nan": the case was not answered. Whether a label is greedy
    is not known: "None".
    """
    answers = {answer.case_id: answer for answer in file.answers if answer.arm == arm and answer.condition == "base"}
    scored = any(answer.probabilities is not None for answer in answers.values())
    for case in file.cases:
        yield _sample(file.labels, case.text, case.gold, answers[case.id], scored)


def _sample(labels: Sequence[str], text: str, gold: str, answer: PredictionOut, scored: bool) -> dict[str, Any]:
    doc = {"text": text, "label": gold}
    if scored:
        target = str(labels.index(gold))
        arguments = {f"gen_args_{place}": {"arg_0": text, "arg_1": f" {label}"} for place, label in enumerate(labels)}
        filtered: list[Any] = [[_log(answer, label), "None"] for label in labels]
    else:
        target = gold
        arguments = {"gen_args_0": {"arg_0": text, "arg_1": "{}"}}
        filtered = [answer.text if answer.text is not None else answer.label or ""]
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


def _log(answer: PredictionOut, label: str) -> str:
    return "nan" if answer.probabilities is None else str(math.log(max(answer.probabilities.get(label, 0.0), _LEAST)))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
