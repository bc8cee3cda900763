"""`versus models add`: a model comes from a hub whole, pinned and licensed, or not at all, with a reason."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub.file_download
import pytest
import torch
from typer.testing import CliRunner, Result

from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.promotion import set_alias
from app.cli import app
from app.engines.embedded.weights import load_network
from tests.fakes import make_fake
from tests.hub import COMMIT, Repository, StandInHub, stand_in_hub
from tests.models import make_tiny_general

NEXT = "f" * 40


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_general(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: Path) -> Iterator[StandInHub]:
    """It has `org/tiny`; the command's data are in `tmp_path/var`."""
    with stand_in_hub() as running:
        running.repositories["org/tiny"] = Repository.of(tiny)
        for name, value in {
            "HF_ENDPOINT": running.url,
            "HF_HOME": str(tmp_path / "hf"),
            "VERSUS_DATA_DIR": str(tmp_path / "var"),
            "VERSUS_MODELS_DIR": str(tmp_path / "shipped"),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


def add(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", "add", *words], catch_exceptions=False)


def catalog(tmp_path: Path) -> Catalog:
    return Catalog([tmp_path / "shipped", tmp_path / "var" / "models"])


def added(tmp_path: Path) -> list[str]:
    return [version.id for version in catalog(tmp_path).versions()]


def logits(model: ModelVersion | Path) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    folder = model if isinstance(model, Path) else model.folder
    module: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        found: torch.Tensor = module(torch.tensor([[5, 9, 14, 300]])).logits
    return found


def test_a_model_comes_with_its_card_and_can_be_served(hub: StandInHub, tmp_path: Path, tiny: Path) -> None:
    hub.repositories["org/tiny"].files |= {
        "LICENSE": b"free",
        "README.md": b"# Tiny",
        "pytorch_model.bin": b"x",
        "run.py": b"x",
    }
    result = add("hf:org/tiny", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["status"], told["id"], told["licence"]) == ("added", "tiny@1", "apache-2.0")
    version = catalog(tmp_path).find("tiny")
    assert version.card.kind == "general"
    assert version.card.method == "pretrained"
    assert version.card.sources == (f"hf:org/tiny@{COMMIT}",)
    assert version.card.context == 256
    assert version.card.parameters == 32_928
    assert {path.name for path in version.folder.iterdir()} >= {"LICENSE", "README.md", "model.safetensors", "tokenizer.json"}
    assert not any((version.folder / name).exists() for name in (".cache", "pytorch_model.bin", "run.py"))
    assert load_network(version, torch.device("cpu"))
    assert torch.equal(logits(version), logits(tiny))
    assert not [*(tmp_path / "var" / "work" / "hub").glob("*/*")]  # nothing is left where it was fetched


def test_a_dry_run_tells_sizes_and_keeps_nothing(hub: StandInHub, tmp_path: Path) -> None:
    hub.repositories["org/tiny"].card = {"license": "llama3.2"}
    result = add("hf:org/tiny@v1", "--dry-run", "--name", "mine")
    assert result.exit_code == 0, result.output
    for part in (COMMIT, "LlamaForCausalLM, 32,928 parameters", "6 files, 0.1 MB", "256 tokens", "llama3.2", "mine@1"):
        assert part in result.stdout
    assert not [line for line in hub.asked if "safetensors" in line]
    assert not [path for path in (tmp_path / "var").rglob("*") if path.is_file() and path.suffix != ".lock"]
    machines = json.loads(add("hf:org/tiny", "--dry-run", "--json").stdout)
    assert (machines["status"], machines["needs_accept_licence"]) == ("dry run", True)


def test_a_commit_is_fetched_once_and_a_later_one_is_the_next_version(hub: StandInHub, tmp_path: Path) -> None:
    add("hf:org/tiny")
    asked = len(hub.asked)
    again = add("hf:org/tiny@main")
    assert again.exit_code == 0
    assert "tiny@1 is it already" in again.stdout
    assert len(hub.asked) == asked + 1
    hub.repositories["org/tiny"].commit = NEXT
    assert add("hf:org/tiny").exit_code == 0
    assert added(tmp_path) == ["tiny@2", "tiny@1"]
    assert catalog(tmp_path).find("tiny@2").card.sources == (f"hf:org/tiny@{NEXT}",)


def without(*names: str) -> Callable[[Repository], None]:
    def change(repository: Repository) -> None:
        for name in names:
            del repository.files[name]

    return change


def config(**changes: Any) -> Callable[[Repository], None]:
    def change(repository: Repository) -> None:
        written = json.loads(repository.files["config.json"])
        repository.files["config.json"] = json.dumps(written | changes).encode()

    return change


def put(**files: bytes) -> Callable[[Repository], None]:
    """Files by their names, with `__` for a dot."""
    return lambda repository: repository.files.update({name.replace("__", "."): content for name, content in files.items()})


def both(*changes: Callable[[Repository], None]) -> Callable[[Repository], None]:
    def change(repository: Repository) -> None:
        for one in changes:
            one(repository)

    return change


PICKLED = both(without("model.safetensors"), put(pytorch_model__bin=b"x"))
ADAPTER = both(without("model.safetensors", "config.json"), put(adapter_config__json=b"{}", adapter_model__safetensors=b""))
OWN_CODE = config(model_type="magic", architectures=["Magic"], auto_map={"AutoConfig": "magic.Magic"})
BAD_INDEX = both(
    without("model.safetensors"), put(model__safetensors__index__json=b'{"weight_map": {"a": "../b.safetensors"}}')
)
PICKLED_SHARDS = both(BAD_INDEX, put(model__safetensors__index__json=b'{"weight_map": {"a": "b.bin"}}', b__bin=b"x"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(PICKLED, "no safetensors weights; it has pytorch_model.bin, which", id="pickled"),
        pytest.param(without("model.safetensors"), "no safetensors weights. Choose", id="no weights"),
        pytest.param(without("config.json"), "has no config.json", id="no config"),
        pytest.param(without("tokenizer.json"), "has no tokenizer that is read here", id="no tokenizer"),
        pytest.param(put(tokenizer__json=b"{}"), "The tokenizer of org/tiny cannot be loaded", id="broken tokenizer"),
        pytest.param(config(vocab_size=10), "do not belong together", id="another's tokenizer"),
        pytest.param(ADAPTER, "is an adapter, not a model", id="adapter"),
        pytest.param(OWN_CODE, "needs code from its repository (magic)", id="own code"),
        pytest.param(config(model_type="magic"), "architecture that is not served here (magic)", id="unknown"),
        pytest.param(config(model_type="bert"), "architecture that is not served here (bert", id="no language model"),
        pytest.param(config(model_type="mamba"), "architecture that is not served here (mamba", id="no attention"),
        pytest.param(config(quantization_config={"quant_method": "gptq"}), "are quantised", id="quantised"),
        pytest.param(put(config__json=b"[]"), "config.json of org/tiny is no table", id="list for config"),
        pytest.param(put(config__json=b"{"), "config.json of org/tiny cannot be read", id="broken config"),
        pytest.param(BAD_INDEX, "does not name files of that repository", id="index that leads elsewhere"),
        pytest.param(PICKLED_SHARDS, "does not name files of that repository", id="index of pickles"),
    ],
)
def test_what_cannot_be_served_is_refused_before_its_weights_come(
    hub: StandInHub, tmp_path: Path, change: Callable[[Repository], None], says: str
) -> None:
    change(hub.repositories["org/tiny"])
    result = add("hf:org/tiny")
    assert result.exit_code == 2
    assert says in result.stderr
    assert str(tmp_path) not in result.stderr
    assert not [line for line in hub.asked if "model.safetensors" in line and "index" not in line]
    assert added(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["hf:org/none"], "There is no model org/none on the hub, or it is private"),
        (["hf:org/tiny@nope"], "org/tiny has no revision 'nope'"),
        (["org/tiny"], "write hf:ORG/NAME"),
        (["hf:tiny"], "write hf:ORG/NAME"),
        (["hf:../../etc/passwd"], "write hf:ORG/NAME"),
        (["hf:../tiny"], "write hf:ORG/NAME"),
        (["hf:org/tiny", "--name", "../evil"], "is no name for a model"),
        (["hf:org/tiny", "--context", "9999"], "reads at most 256 tokens here, not 9999"),
    ],
)
def test_a_wrong_name_or_wish_is_told(hub: StandInHub, tmp_path: Path, words: list[str], says: str) -> None:
    result = add(*words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert added(tmp_path) == []


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ({}, "org/tiny tells no licence, which"),
        ({"license": "llama3.2"}, "The licence of org/tiny is llama3.2, which is not one"),
        ({"license": "other", "license_name": "house-terms", "license_link": "LICENSE"}, "is house-terms (LICENSE), which"),
        ({"license": ["mit", "gpl-3.0"]}, "is mit, gpl-3.0, which"),
    ],
)
def test_a_licence_that_is_missing_or_not_permissive_is_accepted_aloud(
    hub: StandInHub, tmp_path: Path, card: dict[str, Any], says: str
) -> None:
    hub.repositories["org/tiny"].card = card
    refused = add("hf:org/tiny")
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert "--accept-licence" in refused.stderr
    assert added(tmp_path) == []
    assert add("hf:org/tiny", "--accept-licence").exit_code == 0
    assert added(tmp_path) == ["tiny@1"]


def test_a_gated_model_needs_a_token_that_only_the_hub_sees(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories["org/tiny"].gated = True
    stranger = add("hf:org/tiny")
    assert (stranger.exit_code, "org/tiny is gated: accept its terms" in stranger.stderr) == (2, True)
    monkeypatch.setenv("HF_TOKEN", "foe")
    assert "org/tiny is gated" in add("hf:org/tiny").stderr
    monkeypatch.setenv("HF_TOKEN", "friend")
    assert add("hf:org/tiny").exit_code == 0
    assert hub.tokens == []
    assert added(tmp_path) == ["tiny@1"]


def test_a_hub_that_is_not_there_or_fails_is_told(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.status = 500
    assert "The hub answers 500 for org/tiny" in add("hf:org/tiny").stderr
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    failed = add("hf:org/tiny")
    assert (failed.exit_code, "The hub cannot be reached" in failed.stderr) == (2, True)
    offline = subprocess.run(
        [sys.executable, "-W", "error", "-m", "app.cli", "models", "add", "hf:org/tiny"],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (offline.returncode, "HF_HUB_OFFLINE is set" in offline.stderr) == (2, True)


def test_an_interrupted_fetch_goes_on_where_it_stopped(
    hub: StandInHub, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.file_download.constants, "DOWNLOAD_CHUNK_SIZE", 1024)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    hub.cut_after["model.safetensors"] = 50_000
    with monkeypatch.context() as patched:
        patched.setattr(huggingface_hub.file_download.time, "sleep", interrupt)  # it waits before it tries again
        stopped = add("hf:org/tiny")
    assert (stopped.exit_code, "Stopped. What has come is kept" in stopped.stderr) == (130, True)
    assert added(tmp_path) == []
    assert add("hf:org/tiny").exit_code == 0
    first = int(hub.ranges[-1].removeprefix("bytes=").rstrip("-"))
    assert 40_000 < first <= 50_000
    assert len([line for line in hub.asked if line.startswith("GET") and "tokenizer.json" in line]) == 1
    assert torch.equal(logits(catalog(tmp_path).find("tiny")), logits(tiny))


def test_a_connection_that_breaks_is_mended_at_once(hub: StandInHub, tmp_path: Path) -> None:
    hub.cut_after["model.safetensors"] = 50_000
    assert add("hf:org/tiny").exit_code == 0
    assert added(tmp_path) == ["tiny@1"]


def test_damaged_weights_are_not_kept(hub: StandInHub, tmp_path: Path) -> None:
    hub.repositories["org/tiny"].damaged = "model.safetensors"
    damaged = add("hf:org/tiny")
    assert (damaged.exit_code, "came damaged (its SHA-256 differs)" in damaged.stderr) == (2, True)
    assert added(tmp_path) == []
    hub.repositories["org/tiny"].damaged = ""
    assert add("hf:org/tiny").exit_code == 0


def test_weights_in_parts_come_by_their_index(hub: StandInHub, tmp_path: Path, tiny: Path) -> None:
    from transformers import AutoModelForCausalLM

    parts = tmp_path / "parts"
    AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32).save_pretrained(parts, max_shard_size="60KB")
    repository = hub.repositories["org/tiny"]
    del repository.files["model.safetensors"]
    repository.files |= {path.name: path.read_bytes() for path in parts.iterdir()} | {"other.safetensors": b"not named"}
    repository.files |= {"sub/x.json": b"{}", "../evil": b"evil"}
    assert add("hf:org/tiny").exit_code == 0
    version = catalog(tmp_path).find("tiny")
    found = {path.name for path in version.folder.glob("*.safetensors")}
    assert len(found) > 1
    assert "other.safetensors" not in found
    assert torch.equal(logits(version), logits(tiny))
    assert not [*tmp_path.rglob("evil")]


def test_what_the_disk_will_not_hold_is_refused(hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(NamedTuple):
        total: int = 2**30
        used: int = 2**30 - 2**26 - 100_000
        free: int = 2**26 + 100_000  # what stays free, and the small files

    monkeypatch.setattr("app.catalog.hub.shutil.disk_usage", lambda _: Full())
    for words in (["--dry-run"], []):
        result = add("hf:org/tiny", *words)
        assert (result.exit_code, "The model needs 67 MB more and the disk has 67 MB free" in result.stderr) == (2, True)
    assert not [line for line in hub.asked if "model.safetensors" in line]


def test_a_name_in_use_is_only_continued_when_asked_for(hub: StandInHub, tmp_path: Path, tiny: Path) -> None:
    hub.repositories["other/tiny"] = Repository.of(tiny, commit=NEXT)
    make_fake(tmp_path / "shipped", "general")
    make_fake(tmp_path / "shipped", "claims", kind="custom", method="full")
    assert add("hf:org/tiny").exit_code == 0
    assert "tiny is another model in the catalog" in add("hf:other/tiny").stderr
    assert "claims is a custom model" in add("hf:other/tiny", "--name", "claims").stderr
    assert add("hf:other/tiny", "--name", "general").exit_code == 0
    set_alias(catalog(tmp_path), tmp_path / "var" / "models", "production", "claims", "ada")
    assert "production is an alias of claims@1" in add("hf:other/tiny", "--name", "production").stderr
    assert "'auto' is kept for requests" in add("hf:other/tiny", "--name", "auto").stderr
    assert {id.partition("@")[0] for id in added(tmp_path)} == {"claims", "general", "tiny"}
    assert catalog(tmp_path).find("general").id == "general@2"


def test_two_commands_do_not_fetch_the_same_at_once(hub: StandInHub, tmp_path: Path) -> None:
    lock = tmp_path / "var" / "work" / "hub" / f"org--tiny-{COMMIT}.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "Another command adds org/tiny" in add("hf:org/tiny").stderr
    assert add("hf:org/tiny").exit_code == 0
