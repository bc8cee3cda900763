"""`versus methods` as a person types it: the plan, the table, and clear words for what cannot be measured."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from app.benchmarks.curve.options import read_options
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
    assert planned["trainings_left"] == 5 + 1  # the best of them once more, on validation rows too
    all_rows = (planned["learned_from"] + planned["chosen_on"]) / planned["learned_from"]
    assert planned["training_minutes_left_at_most"] == pytest.approx(10 + 2 * all_rows, abs=0.1)
    assert len(planned["arms"]) == 10
    plain = json.loads(invoke("methods", "claims", "--minutes", "2", "--no-refit", "--dry-run", "--json").output)
    assert (plain["trainings_left"], plain["training_minutes_left_at_most"], len(plain["arms"])) == (5, 10, 9)
    assert not (tmp_path / "var" / "methods").exists()
    shown = invoke("methods", "claims", "--methods", "scratch", "--seeds", "2", "--dry-run")
    assert f"Trainings left: 4, at most {20 + 20 * all_rows:.0f} min" in shown.output


def test_a_table_is_measured_and_asked_again_comes_from_what_is_known(tmp_path: Path) -> None:
    words = ("methods", "claims", "--methods", "full", "--minutes", "0.1", "--limit", "6", "--out", str(tmp_path / "out"))
    first = invoke(*words)
    assert first.exit_code == 0, first.output
    assert "custom (full)" in first.output
    known = json.loads(invoke(*words, "--json").stdout)
    assert known == json.loads((tmp_path / "out" / "methods.json").read_text())
    assert [row["name"] for row in known["rows"][-2:]] == ["custom (full)", "custom (full, refit)"]
    assert "Trainings left: 0" in invoke(*words, "--dry-run").output
    assert "Trainings left: 2" in invoke(*words, "--epochs", "3", "--dry-run").output
    plain = json.loads(invoke(*words, "--no-refit", "--json").stdout)  # measured before
    assert plain["best"] == "full"


def test_options_of_a_file_are_for_every_method_or_for_one_and_the_table_tells_them(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("epochs = 1\ndropout = 0.1\n[full]\nepochs = 2\n")
    assert read_options(file)["lora"] == {"epochs": 1, "dropout": 0.1}
    words = ("methods", "claims", "--methods", "full", "--limit", "6", "--no-refit", "--out", str(tmp_path / "out"))
    result = invoke(*words, "--options", str(file))
    assert result.exit_code == 0, result.output
    row = json.loads((tmp_path / "out" / "methods.json").read_text())["rows"][-1]
    assert (row["facts"][0]["epochs_asked"], row["options"]) == (2, {"epochs": 2, "dropout": 0.1})
    assert "custom (full): epochs 2.0, dropout 0.1." in (tmp_path / "out" / "methods.md").read_text()
    # Another option is another training.
    file.write_text("epochs = 1\ndropout = 0.1\n[full]\nepochs = 2\nvalidations = 1\n")
    assert "Trainings left: 1" in invoke(*words, "--options", str(file), "--dry-run").output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epoch = 2", "there is no option 'epoch'; did you mean epochs?"),
        ("[lora]\nx = 1", "there is no option 'x'; there are epochs, batch_tokens"),
        ("[lora]\nrank = 0", "lora: rank: Input should be greater than or equal to 1"),
        ("lora = 3", "lora must be a table of options"),
        ("seed = 1", "use --seeds of the command"),
        ("[full]\nrefit = true", "use --refit of the command"),
        ("epochs = ", "is not readable as TOML"),
        (None, "cannot be read"),
    ],
)
def test_options_that_cannot_be_used_are_told_before_anything_is_trained(text: str | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    if text is not None:
        file.write_text(text)
    result = invoke("methods", "claims", "--options", str(file))
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


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
