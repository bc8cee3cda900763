"""`versus learning-curve` as a person types it: the plan, the numbers, and clear words for what cannot be measured."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from app.cli import app
from app.cli.curve_bar import duration
from tests.benchmarks.curve.conftest import study
from tests.models import make_tiny_general


@pytest.fixture(scope="session")
def models_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("curve-cli-models")
    make_tiny_general(root)
    return root


@pytest.fixture(autouse=True)
def at_home(models_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(models_root))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    of = study()
    lines = [f'"{case.text}",{case.gold}' for case in (*of.pool, *of.test)]
    (tmp_path / "claims.csv").write_text("\n".join(["text,label", *lines]))
    assert invoke("data", "add", str(tmp_path / "claims.csv")).exit_code == 0
    yield
    torch.set_num_threads(threads)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_the_plan_shows_sizes_points_and_notes_and_measures_nothing(tmp_path: Path) -> None:
    shown = invoke("learning-curve", "claims", "--sizes", "2,50,5000", "--seeds", "2", "--minutes", "0.5", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "fewer than 5,000: all of them are taken instead" in shown.output
    assert "claims@1: 3 classes" in shown.output
    planned = json.loads(invoke("learning-curve", "claims", "--sizes", "2,50", "--dry-run", "--json").output)
    assert planned["sizes"][0] == {"labels": 2, "learned_from": 2, "held_out": 0, "missing": 1}
    assert {arm["points"] for arm in planned["arms"]} == {6}
    assert {arm["measured"] for arm in planned["arms"]} == {0}
    assert not (tmp_path / "var" / "learning-curves").exists()


def test_numbers_come_as_json_or_as_a_table_and_three_files(tmp_path: Path) -> None:
    words = ("learning-curve", "claims", "--sizes", "20", "--seeds", "1", "--limit", "10", "--out", str(tmp_path / "out"))
    first = invoke(*words, "--json")
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert summary["crossings"][0]["state"] == "not enough evidence"
    assert summary["test_cases"] == 10
    again = invoke(*words)
    assert again.exit_code == 0
    assert "not enough evidence: 10 test cases" in " ".join(again.stdout.split())
    assert str(tmp_path / "out" / "curve.svg") in again.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"curve.svg", "curve.md", "curve.json"}
    assert "nothing" not in again.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere",), "There is no dataset 'nowhere'"),
        (("claims", "--base", "generall"), "Did you mean general"),
        (("claims", "--general", "nobody"), "There is no model named 'nobody'"),
        (("claims", "--sizes", "50,many"), "not 'many'"),
        (("claims", "--task", "claims-decision"), "does not know the label"),
        (("claims", "--task", "nothing"), "There is no task named 'nothing'"),
        (("claims", "--out", "/dev/null/here"), "--out"),
    ],
)
def test_what_cannot_be_measured_ends_with_two_and_a_sentence(words: tuple[str, ...], says: str) -> None:
    result = invoke("learning-curve", *words)
    assert result.exit_code == 2
    assert says in result.stderr


def test_data_whose_labels_hardly_repeat_is_refused(tmp_path: Path) -> None:
    lines = [f"question {number},answer {number // 2}" for number in range(40)]
    (tmp_path / "answers.csv").write_text("\n".join(["question,answer", *lines]))
    added = invoke("data", "add", str(tmp_path / "answers.csv"), "--text", "question", "--label", "answer")
    assert added.exit_code == 0, added.output
    result = invoke("learning-curve", "answers")
    assert result.exit_code == 2
    assert "hardly repeat" in result.stderr


def test_a_built_in_task_is_a_dataset_too() -> None:
    planned = invoke("learning-curve", "claims-decision", "--sizes", "50,all", "--dry-run", "--json")
    assert planned.exit_code == 0, planned.output
    found = json.loads(planned.output)
    assert found["task"] == "claims-decision"
    assert found["sizes"][-1]["labels"] == found["pool"]


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (89, "89 s"), (95, "2 min"), (3600, "60 min"), (9000, "2.5 h")])
def test_time_is_told_as_a_person_says_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said
