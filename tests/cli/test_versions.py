"""`versus models export`, `import` as a person types them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from app.catalog.catalog import Catalog
from app.cli import app
from tests.models import make_adapter, make_tiny_general


@pytest.fixture(scope="session")
def models_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("versions-cli-models")
    make_tiny_general(root)
    make_adapter(root, Catalog([root]).find("general"), "claims", seed=1, r=4)
    return root


@pytest.fixture(autouse=True)
def at_home(models_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(models_root))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def listed() -> list[str]:
    return [model["id"] for model in json.loads(invoke("models", "list", "--all", "--json").stdout)]


def test_an_adapter_goes_out_and_comes_in_under_another_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported = invoke("models", "export", "claims", "--to", str(out))
    assert exported.exit_code == 0
    assert "It is an adapter of general@1: versus models export general@1 writes that" in exported.stdout

    imported = invoke("models", "import", str(out), "--name", "tickets", "--json")
    assert imported.exit_code == 0
    told = json.loads(imported.stdout)
    assert (told["id"], told["parent"], told["method"]) == ("tickets@1", "general@1", "lora")
    assert "tickets@1" in listed()


def test_a_merged_variant_is_a_full_model_and_the_command_tells_what_merging_changed(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    told = json.loads(invoke("models", "export", "claims@1", "--to", out, "--merged", "--json").stdout)
    assert 0 <= told["logits_differ"] < 1e-4
    assert told["base"] is None

    imported = invoke("models", "import", out, "--name", "whole")
    assert imported.exit_code == 0
    assert "whole@1 is in the catalog:" in imported.stdout


def test_what_is_wrong_ends_with_2_and_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words, says in (
        (("export", "nobody", "--to", str(tmp_path / "x")), "There is no model named 'nobody'"),
        (("export", "general", "--to", str(tmp_path / "x"), "--merged"), "is a full model already"),
        (("import", str(tmp_path / "empty"), "--name", "new"), "holds no weights"),
        (("import", str(tmp_path / "empty"), "--name", "../new"), "is no name for a model"),
    ):
        failed = invoke("models", *words)
        assert (failed.exit_code, says in failed.stderr) == (2, True), failed.output
    assert listed() == ["general@1", "claims@1"]
