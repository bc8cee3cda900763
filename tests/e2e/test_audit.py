"""`versus audit` runs lm-evaluation-harness tasks over our service, on a tiny real model, and agrees or says where not."""

import asyncio
import json
import math
import random
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner, Result

from app.benchmarks.client import ServiceClient
from app.benchmarks.peers import harness
from app.benchmarks.peers.audit import Case, Theirs, audit
from app.cli import app as commands
from tests.benchmarks.gate.runs import LABELS, answers, golds, make_run

CASES = 12
WORDS = "the insured reports smoke car bicycle walls kitchen was under water stolen from yard hit at crossing"
CHOICE = """\
task: claims_choice
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: multiple_choice
doc_to_text: "Text: {{{{text}}}}\\nLabel:"
doc_to_choice: ["water damage", "theft", "collision with another car", "fire"]
doc_to_target: label
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
"""
WORDED = """\
task: claims_words
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_text: "Text: {{{{text}}}}\\nLabel:"
doc_to_target: "{{{{label}}}}"
generation_kwargs:
  until: ["\\n\\n"]
  max_gen_toks: 8
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a multiple choice and a generation over the same made-up claims."""
    folder, draws = tmp_path_factory.mktemp("tasks"), random.Random(0)
    rows = [
        {"text": " ".join(draws.choices(WORDS.split(), k=draws.randint(3, 20))), "label": draws.randrange(4)}
        for _ in range(CASES)
    ]
    data = folder / "claims.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    (folder / "choice.yaml").write_text(CHOICE.format(data=data))
    (folder / "words.yaml").write_text(WORDED.format(data=data))
    return folder


@pytest.fixture(scope="module", autouse=True)
def offline(tasks: Path) -> Iterator[None]:
    """Nothing is looked up elsewhere, and nothing kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_CACHE", str(tasks / "cache"))
        yield


def versus(*words: str) -> Result:
    return CliRunner().invoke(commands, ["audit", *words])


def test_a_multiple_choice_agrees_to_the_last_digit(service: str, tasks: Path) -> None:
    told = versus(str(tasks / "choice.yaml"), "--model", "adapter", "--url", service, "--json")
    assert told.exit_code == 0, told.stdout + told.stderr
    found = json.loads(told.stdout)
    assert (found["cases"], found["answers"], found["agrees"], found["differing"]) == (CASES, 4 * CASES, True, [])
    scores = {one["metric"]: one for one in found["scores"]}
    assert set(scores) == {"acc,none", "acc_norm,none"}
    assert all(one["ours"] == pytest.approx(one["theirs"]) for one in scores.values())
    assert found["largest_difference"] < 1e-4


def test_generated_texts_agree_and_a_score_that_is_not_computed_here_is_said(service: str, tasks: Path) -> None:
    told = versus(str(tasks / "words.yaml"), "--url", service, "--limit", "4")
    assert told.exit_code == 0, told.stdout + told.stderr
    assert "not computed here" in told.stdout
    assert "texts of 4 of 4 cases agree" in told.stdout


def test_what_cannot_be_audited_is_refused_with_2(service: str, tasks: Path) -> None:
    (tasks / "group.yaml").write_text("group: all\ntask: [claims_choice, claims_words]\n")
    for task, told in (("nothing.yaml", "cannot be read"), ("group.yaml", "one by one")):
        refused = versus(str(tasks / task), "--url", service)
        assert refused.exit_code == 2, refused.stderr
        assert told in refused.stderr
    nowhere = versus(str(tasks / "choice.yaml"), "--url", "http://127.0.0.1:9")
    assert nowhere.exit_code == 2
    assert "versus serve" in nowhere.stderr


def test_a_number_that_is_not_ours_is_found(service: str) -> None:
    """As if the service had told the harness something else than it tells us."""
    cases = (("Text: smoke\nLabel:", " fire"), ("Text: smoke\nLabel:", " theft"))

    async def judged(found: tuple[float | str, ...], kind: str = "multiple_choice", cases: Any = cases) -> Any:
        asked = Case(0, cases, found, 0)
        theirs = Theirs("made_up", kind, " ", {"acc,none": 1.0} if kind == "multiple_choice" else {}, (asked,))
        async with ServiceClient(service) as client:
            return await audit(theirs, client, "general")

    own = asyncio.run(judged((-1.0, -1.0)))
    assert own.differing == (0,)
    assert not own.agrees
    assert own.largest_difference > 1e-4
    assert replace(own, differing=()).scores[0].ours in (0.0, 1.0)
    said = asyncio.run(judged(("something else",), "generate_until", (("Text: smoke\nLabel:", {"until": ["\n"]}),)))
    assert said.differing == (0,)


def test_the_harness_reads_our_samples_and_scores_them_alike(tmp_path: Path) -> None:
    """By its own description of a sample line, by the library with which it loads them, and by its own scoring."""
    from datasets import load_dataset
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.result_schema import SampleResult
    from lm_eval.utils import get_sample_results_filenames, hash_string, sanitize_list

    run = make_run({"desk@1": answers(60, 0.7)})
    path = tmp_path / "samples_desk_2026.jsonl"
    path.write_text("".join(json.dumps(sample) + "\n" for sample in harness.samples(run, "desk@1")))
    assert get_sample_results_filenames([str(path)]) == [str(path)]
    samples = [TypeAdapter(SampleResult).validate_python(json.loads(line)) for line in path.read_text().splitlines()]
    loaded = load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path))
    assert loaded["doc_id"] == [sample["doc_id"] for sample in samples] == [case.id for case in run.cases]

    docs = tmp_path / "docs.jsonl"
    docs.write_text("".join(json.dumps(sample["doc"]) + "\n" for sample in samples))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = ConfigurableTask(
            config={
                "task": "desk",
                "dataset_path": "json",
                "dataset_kwargs": {"data_files": {"test": str(docs)}},
                "test_split": "test",
                "output_type": "multiple_choice",
                "doc_to_text": "{{text}}",
                "doc_to_choice": list(LABELS),
                "doc_to_target": "label",
                "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            }
        )
    right = [answer == gold for answer, gold in zip(answers(60, 0.7), golds(60), strict=True)]
    for sample, correct in zip(samples, right, strict=True):
        assert sample["acc"] == correct
        assert sample["doc_hash"] == hash_string(json.dumps(sample["doc"], indent=2, ensure_ascii=False))
        assert sanitize_list(sample["resps"]) == sample["resps"]
        values = [(float(value), False) for value, _ in sample["filtered_resps"]]
        if not math.isnan(values[0][0]):
            assert task.process_results(sample["doc"], values)["acc"] == correct
    assert any(math.isnan(float(sample["filtered_resps"][0][0])) for sample in samples)
