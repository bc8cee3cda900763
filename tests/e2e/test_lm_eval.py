"""The outside auditor: lm-evaluation-harness over our `/v1/completions` finds what its own in-process backend finds."""

import json
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.catalog.catalog import Catalog

LABELS = ["water damage", "theft", "collision with another car", "fire"]
CASES = 40
WORDS = "the insured reports smoke car bicycle walls kitchen was under water stolen from yard hit at crossing"


@pytest.fixture(scope="module", autouse=True)
def offline() -> Iterator[None]:
    """Nothing is looked up elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A multiple-choice task over made-up claims, with labels of unequal length."""
    draws = random.Random(0)
    path: Path = tmp_path_factory.mktemp("task") / "claims.jsonl"
    words = WORDS.split()
    rows = [{"text": " ".join(draws.choices(words, k=draws.randint(3, 20))), "label": draws.randrange(4)} for _ in range(CASES)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return {
        "task": "claims_choice",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "Text: {{text}}\nLabel:",
        "doc_to_choice": LABELS,
        "doc_to_target": "label",
        "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")],
    }


def evaluated(task: dict[str, Any], model: str, arguments: dict[str, Any]) -> tuple[dict[str, float], list[Any]]:
    """acc and acc_norm, and for each case the log-likelihood of each label with whether it is greedy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it and its libraries warn of much that is not ours
        import lm_eval
        from lm_eval.tasks import TaskManager

        found = lm_eval.simple_evaluate(
            model=model,
            model_args=arguments,
            tasks=[dict(task)],
            task_manager=TaskManager(include_defaults=False),
            batch_size=1,
            bootstrap_iters=0,
            device="cpu",
            verbosity="ERROR",
        )
    assert found is not None
    scores = {name: value for name, value in found["results"]["claims_choice"].items() if name.startswith("acc")}
    samples = sorted(found["samples"]["claims_choice"], key=lambda sample: sample["doc_id"])
    return {name.partition(",")[0]: value for name, value in scores.items() if "stderr" not in name}, [
        sample["filtered_resps"] for sample in samples
    ]


@pytest.mark.parametrize("name", ["general", "adapter"])
def test_scores_are_those_of_the_in_process_backend(service: str, models_dir: Path, task: dict[str, Any], name: str) -> None:
    base = models_dir / "general"
    in_process = {"pretrained": str(base), "dtype": "float32", "add_bos_token": False}
    if name == "adapter":
        in_process["peft"] = str(Catalog([models_dir]).find("adapter").folder)
    over_http = {"base_url": f"{service}/v1/completions", "model": name, "tokenizer_backend": "remote", "num_concurrent": 1}

    theirs, their_cases = evaluated(task, "hf", in_process)
    ours, our_cases = evaluated(task, "local-completions", over_http)

    assert ours == theirs
    assert len(our_cases) == CASES
    assert 0 < theirs["acc"] < 1
    for own, other in zip(our_cases, their_cases, strict=True):
        assert [greedy for _, greedy in own] == [greedy for _, greedy in other]
        assert [float(value) for value, _ in own] == pytest.approx([float(value) for value, _ in other], abs=1e-4)
