"""`versus methods` as a person types it: the plan, the table, and clear words for what cannot be measured."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from app.cli import app
from tests.benchmarks.curve.conftest import study
from tests.models import make_tiny_general


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_tiny_general(tmp_path / "models")
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(tmp_path / "models"))
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


def test_the_plan_measures_nothing(tmp_path: Path) -> None:
    planned = json.loads(invoke("methods", "claims", "--minutes", "2", "--dry-run", "--json").output)
    assert planned["trainings_left"] == 5
    assert planned["training_minutes_left_at_most"] == 10
    assert len(planned["arms"]) == 9
    assert not (tmp_path / "var" / "methods").exists()
    shown = invoke("methods", "claims", "--methods", "scratch", "--seeds", "2", "--dry-run")
    assert "Trainings left: 2, at most 20 min" in shown.output


def test_a_table_is_measured_and_asked_again_comes_from_what_is_known(tmp_path: Path) -> None:
    words = ("methods", "claims", "--methods", "full", "--minutes", "0.1", "--limit", "6", "--out", str(tmp_path / "out"))
    first = invoke(*words)
    assert first.exit_code == 0, first.output
    assert "custom (full)" in first.output
    assert json.loads(invoke(*words, "--json").stdout) == json.loads((tmp_path / "out" / "methods.json").read_text())
    assert "Trainings left: 0" in invoke(*words, "--dry-run").output
    assert "Trainings left: 1" in invoke(*words, "--epochs", "3", "--dry-run").output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("claims", "--methods", "lora,quantum"), "There is no method 'quantum'; --methods takes lora, full"),
        (("claims", "--methods", ""), "There is no method ''"),
        (("nothing",), "nothing"),
        (("claims", "--base", "absent"), "absent"),
    ],
)
def test_what_cannot_be_measured_is_told(words: tuple[str, ...], told: str) -> None:
    result = invoke("methods", *words)
    assert result.exit_code != 0
    assert told in result.output
