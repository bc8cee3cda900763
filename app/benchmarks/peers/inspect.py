"""One arm's answers as JSON lines of inspect_ai's EvalSample."""

from collections.abc import Iterator
from typing import Any

from app.benchmarks.gate.runfile import CaseOut, RunFile
from app.benchmarks.runner import Arm
from app.benchmarks.schemas import PredictionOut


def samples(file: RunFile, arm: str) -> Iterator[dict[str, Any]]:
    """One sample per test case and epoch: the answer first, then each rerun of the case. Rewordings have no place there."""
    kept = {
        (answer.case_id, epoch): answer for answer in file.answers if answer.arm == arm and (epoch := _epoch(answer.condition))
    }
    cases = {case.id: case for case in file.cases}
    place = {case.id: number for number, case in enumerate(file.cases)}
    for case_id, epoch in sorted(kept, key=lambda key: (key[1], place[key[0]])):
        yield _sample(file, file.arms[arm], cases[case_id], epoch, kept[case_id, epoch])


def _epoch(condition: str) -> int | None:
    kind, _, number = condition.partition("-")
    return 1 if kind == "base" else int(number) + 1 if kind == "rerun" else None


def _sample(file: RunFile, arm: Arm, case: CaseOut, epoch: int, answer: PredictionOut) -> dict[str, Any]:
    said = answer.text if answer.text is not None else answer.label or ""
    usage = {
        "input_tokens": answer.prompt_tokens or 0,
        "output_tokens": answer.completion_tokens or 0,
        "total_tokens": (answer.prompt_tokens or 0) + (answer.completion_tokens or 0),
    }
    seconds = None if answer.latency_ms is None else answer.latency_ms / 1000
    asked, told = {"role": "user", "content": case.text}, {"role": "assistant", "content": said, "source": "generate"}
    return {
        "id": case.id,
        "epoch": epoch,
        "input": case.text,
        "choices": file.labels,
        "target": case.gold,
        "messages": [asked, told],
        "output": {
            "model": arm.model,
            "choices": [{"message": told, "stop_reason": "stop"}],
            "completion": said,
            "usage": usage,
            "time": seconds,
        },
        "scores": {
            "match": {
                "value": "C" if answer.label == case.gold else "I",
                "answer": answer.label,
                "explanation": said if answer.label is None else None,
                "metadata": {"probabilities": answer.probabilities, "label_mass": answer.label_mass},
            }
        },
        "metadata": {
            "run": file.run.id,
            "arm": arm.name,
            "digest": answer.digest,
            "condition": answer.condition,
            **case.slices,
        },
        "store": {},
        "events": [],
        "attachments": {},
        "model_usage": {arm.model: usage},
        "total_time": seconds,
        "error": None if answer.error is None else {"message": answer.error, "traceback": "", "traceback_ansi": ""},
    }
