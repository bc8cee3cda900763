"""`versus models export`, `import`, `promote`, `rollback`, `alias`, `delete` as a person types them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch
from typer.testing import CliRunner, Result

from app.catalog.cards import CARD_FILE, TrainedTask, read_card, write_card
from app.catalog.catalog import Catalog
from app.catalog.promotion import set_alias
from app.cli import app
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.models import make_adapter, make_tiny_general
from tests.server import serve


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


def test_promote_roll_back_name_and_delete_without_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSUS_API_URL", "http://127.0.0.1:9")
    for _ in range(2):
        out = tmp_path / "out"
        assert invoke("models", "export", "claims", "--to", str(out)).exit_code == 0
        assert invoke("models", "import", str(out), "--name", "tickets").exit_code == 0
        shutil.rmtree(out)
    promoted = invoke("models", "promote", "tickets@1")
    assert (promoted.exit_code, promoted.stdout) == (0, "tickets stands for tickets@1 (before: tickets@2).\n")
    assert invoke("models", "alias", "production", "tickets").exit_code == 0

    kept = invoke("models", "remove", "tickets@1")
    assert kept.exit_code == 2
    assert "the alias production stands for it" in kept.stderr
    assert "the alias tickets stands for it" in kept.stderr
    assert json.loads(invoke("models", "rollback", "tickets", "--json").stdout)["target"] == "tickets@2"
    assert "stands for its highest version, if any" in invoke("models", "alias", "production", "--remove").stdout
    assert json.loads(invoke("models", "remove", "tickets@1", "--json").stdout) == {"id": "tickets@1", "deleted": True}
    assert listed() == ["general@1", "claims@1", "tickets@2"]

    history = json.loads(invoke("models", "aliases", "--json").stdout)
    assert [(one["name"], one["action"]) for one in history] == [
        ("production", "remove"),
        ("tickets", "rollback"),
        ("production", "set"),
        ("tickets", "set"),
    ]
    assert "tickets@2" in invoke("models", "aliases").stdout


def test_brackets_that_a_caller_wrote_are_shown_as_they_are(tmp_path: Path, models_root: Path) -> None:
    made = tmp_path / "var" / "models"
    shutil.copytree(models_root / "general", made / "brackets")
    card = read_card(made / "brackets" / CARD_FILE)
    task = TrainedTask(name="[/t]", labels=("a", "b"))
    write_card(card.model_copy(update={"name": "brackets", "tasks": (task,)}), made / "brackets" / CARD_FILE)
    set_alias(Catalog([models_root, made]), made, "production", "claims", "[/x]")
    for words, shown in ((("aliases",), "[/x]"), (("list",), "[/t]")):
        result = invoke("models", *words)
        assert (result.exit_code, shown in result.stdout) == (0, True), result.output


def test_a_running_service_is_asked_to_delete_and_serves_what_was_promoted(tmp_path: Path, models_root: Path) -> None:
    settings = Settings(models_dir=models_root, data_dir=tmp_path / "var", embedded_worker=False, threads=1)
    upgrade(settings.database)
    out = str(tmp_path / "out")
    assert invoke("models", "export", "claims", "--to", out, "--merged").exit_code == 0
    for _ in range(2):
        assert invoke("models", "import", out, "--name", "tickets").exit_code == 0
    with serve(create_app(settings)) as url:
        body = {"model": "tickets", "prompt": "the", "max_tokens": 2}
        assert httpx.post(f"{url}/v1/completions", json=body, timeout=60).json()["model"] == "tickets@2"
        assert invoke("models", "promote", "tickets@1").exit_code == 0
        assert httpx.post(f"{url}/v1/completions", json=body, timeout=60).json()["model"] == "tickets@1"
        assert "the alias tickets stands for it" in invoke("models", "remove", "tickets@1", "--url", url).stderr
        assert invoke("models", "remove", "tickets@2", "--url", url).exit_code == 0
        # The very same weights as those that were deleted.
        assert httpx.post(f"{url}/v1/completions", json=body, timeout=60).json()["model"] == "tickets@1"
    gone = invoke("models", "remove", "tickets@1", "--url", "http://127.0.0.1:9")
    assert gone.exit_code == 2
    assert "versus serve" in gone.stderr


def test_a_running_service_takes_weights_in_and_lets_them_go() -> None:
    settings = Settings()
    upgrade(settings.database)
    with serve(create_app(settings)) as url:
        loaded = invoke("models", "load", "general", "--url", url)
        assert (loaded.exit_code, loaded.stdout) == (0, "general@1 is in memory.\n")
        gone = json.loads(invoke("models", "unload", "general", "--url", url, "--json").stdout)
        assert gone == {"id": "general@1", "status": "available"}
        unknown = invoke("models", "load", "nobody", "--url", url)
        assert (unknown.exit_code, "no model named 'nobody'" in unknown.stderr) == (2, True)


def test_what_is_wrong_ends_with_2_and_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words, says in (
        (("export", "nobody", "--to", str(tmp_path / "x")), "There is no model named 'nobody'"),
        (("export", "general", "--to", str(tmp_path / "x"), "--merged"), "is a full model already"),
        (("import", str(tmp_path / "empty"), "--name", "new"), "holds no weights"),
        (("import", str(tmp_path / "empty"), "--name", "../new"), "is no name for a model"),
        (("promote", "claims"), "claims is no version; promote one of claims@1"),
        (("rollback", "claims"), "there is nothing before that to roll back to"),
        (("alias", "production"), "Give a TARGET, or --remove."),
        (("alias", "../up", "claims"), "is no name for a model"),
    ):
        failed = invoke("models", *words)
        assert (failed.exit_code, says in failed.stderr) == (2, True), failed.output
    assert listed() == ["general@1", "claims@1"]
