"""Versions go out as plain Hugging Face folders and come in again, whole or not at all."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from app.catalog.adapter_files import CONFIG, WEIGHTS
from app.catalog.cards import CARD_FILE, TrainedTask, read_card, write_card
from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.exports import export_version
from app.catalog.imports import import_model
from app.engines.base import Done, GenerateRequest, Piece, Sampling
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.trial import try_out
from app.errors import Conflict, Unprocessable, VersusError
from app.settings import Settings
from app.training import lora
from tests.models import make_adapter, make_tiny_general
from tests.threads import one_thread as one_thread

TASK = TrainedTask(name="kind-of-loss", labels=("water", "fire"), temperature=1.5)
SETTINGS = Settings(device="cpu", threads=1)
IDS = torch.tensor([[5, 9, 77, 31, 200, 12]])


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A general model and an adapter of it that was trained for a task."""
    root = tmp_path_factory.mktemp("models")
    make_tiny_general(root)
    folder = make_adapter(root, Catalog([root]).find("general"), "claims", seed=1, r=4)
    card = read_card(folder / CARD_FILE)
    write_card(card.model_copy(update={"tasks": (TASK,), "domain": "insurance"}), folder / CARD_FILE)
    return root


@pytest.fixture
def catalog(shipped: Path) -> Catalog:
    return Catalog([shipped])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made"


def take(source: Path, name: str, root: Path, *roots: Path, **options: object) -> ModelVersion:
    """Import with the trial that the command makes, and find it as a service would."""
    catalog = Catalog([*roots, root])
    card, _ = import_model(source, name, catalog, root, try_out=lambda version: try_out(version, SETTINGS), **options)  # type: ignore[arg-type]
    return catalog.find(card.id)


def answer(version: ModelVersion) -> str:
    async def ask() -> str:
        engine = EmbeddedEngine(SETTINGS)
        try:
            request = GenerateRequest(version, "the pipe burst", Sampling(temperature=0.0, max_tokens=12))
            events = [event async for event in engine.generate(request)]
        finally:
            await engine.close()
        assert isinstance(events[-1], Done)
        return "".join(event.text for event in events if isinstance(event, Piece))

    return asyncio.run(ask())


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(input_ids=IDS).logits  # type: ignore[no-any-return]


# ---- There and back


def test_an_exported_adapter_loads_in_plain_peft_on_the_exported_base_with_the_same_logits(
    catalog: Catalog, tmp_path: Path
) -> None:
    claims = catalog.find("claims")
    assert claims.base is not None
    export_version(claims.base, tmp_path / "base")
    export_version(claims, tmp_path / "adapter")

    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    without = logits(plain)
    here = AutoModelForCausalLM.from_pretrained(claims.base.folder, dtype=torch.float32)
    with lora._quietly():
        found = logits(PeftModel.from_pretrained(plain, tmp_path / "adapter"))
        expected = logits(PeftModel.from_pretrained(here, claims.folder))

    assert torch.equal(found, expected)
    assert (found - without).abs().max() > 0.1


def test_a_full_model_and_its_adapter_come_in_elsewhere_as_what_they_were(catalog: Catalog, made: Path, tmp_path: Path) -> None:
    claims = catalog.find("claims")
    assert claims.base is not None
    export_version(claims.base, tmp_path / "base")
    export_version(claims, tmp_path / "adapter")

    base = take(tmp_path / "base", "desk", made)
    adapter = take(tmp_path / "adapter", "desk-claims", made, base="desk")

    assert (base.id, base.card.kind, base.digest) == ("desk@1", "general", claims.base.digest)
    assert (adapter.id, adapter.card.parent, adapter.digest) == ("desk-claims@1", "desk@1", claims.digest)
    assert (adapter.card.tasks, adapter.card.domain) == ((TASK,), "insurance")
    assert answer(base) == answer(claims.base) != answer(adapter) == answer(claims)


def test_models_that_other_tools_made_get_a_card_from_their_files(shipped: Path, made: Path, tmp_path: Path) -> None:
    for name in ("general", "claims"):
        shutil.copytree(shipped / name, tmp_path / name)
        (tmp_path / name / CARD_FILE).unlink()

    base = take(tmp_path / "general", "desk", made)
    adapter = take(tmp_path / "claims", "desk-claims", made, base="desk@1", context=100)
    tuned = take(tmp_path / "general", "tuned", made, base="desk")

    assert (base.card.kind, base.card.method, base.card.context) == ("general", "pretrained", 256)
    assert base.card.parameters == Catalog([shipped]).find("general").card.parameters
    assert (adapter.card.kind, adapter.card.method, adapter.card.context) == ("custom", "lora", 100)
    assert adapter.card.parameters > base.card.parameters
    assert (tuned.card.kind, tuned.card.method, tuned.card.parent) == ("custom", "full", "desk@1")


def test_a_model_in_shards_comes_in_whole(shipped: Path, made: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(shipped / "general", dtype=torch.float32)
    shutil.copytree(shipped / "general", tmp_path / "sharded")
    (tmp_path / "sharded" / "model.safetensors").unlink()
    model.save_pretrained(tmp_path / "sharded", max_shard_size="40KB")
    shards = sorted((tmp_path / "sharded").glob("model-*.safetensors"))
    assert len(shards) > 1

    sharded = take(tmp_path / "sharded", "desk", made)
    assert answer(sharded) == answer(Catalog([shipped]).find("general"))

    shards[0].unlink()
    with pytest.raises(Unprocessable, match="is missing"):
        take(tmp_path / "sharded", "desk", made)
    assert [version.id for version in Catalog([made]).versions()] == ["desk@1"]


def test_a_name_that_exists_gets_its_next_version(shipped: Path, made: Path) -> None:
    first = take(shipped / "claims", "claims", made, shipped)
    second = take(shipped / "claims", "claims", made, shipped)
    # claims@1 ships with the service: what is imported must not take its number.
    assert (first.id, second.id) == ("claims@2", "claims@3")
    with pytest.raises(Conflict, match="'general' is a general model, and this is a custom one"):
        take(shipped / "claims", "general", made, shipped)


# ---- What is refused


def pickled(folder: Path, name: str) -> None:
    torch.save({"weight": torch.zeros(2)}, folder / name)


def with_nan(folder: Path, file: str) -> None:
    tensors = load_file(folder / file)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    save_file(tensors, folder / file, metadata={"format": "pt"})


def without_a_layer(folder: Path) -> None:
    tensors = {name: value for name, value in load_file(folder / "model.safetensors").items() if "layers.1.mlp" not in name}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def index_that_leads_out(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "stolen.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../stolen.safetensors"}}))


def index_of(weight_map: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))

    return write


def configured(file: str, **values: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / CARD_FILE).unlink()
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | values))

    return write


def nested(file: str) -> Callable[[Path], int]:
    return lambda folder: (folder / file).write_text("[" * 200_000)


def without_tensors(folder: Path) -> None:
    save_file({}, folder / "model.safetensors", metadata={"format": "pt"})


def only_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    pickled(folder, "pytorch_model.bin")


def a_pickle_by_another_name(folder: Path) -> None:
    pickled(folder, "model.safetensors")


@pytest.mark.parametrize(
    ("which", "spoil", "says"),
    [
        ("general", only_a_pickle, "as a pickle (pytorch_model.bin), which can run code"),
        ("general", a_pickle_by_another_name, "model.safetensors cannot be read"),
        ("general", lambda folder: cut(folder / "model.safetensors"), "is not whole"),
        ("general", lambda folder: with_nan(folder, "model.safetensors"), "not finite"),
        ("general", without_a_layer, "its weights lack model.layers.1.mlp"),
        ("general", lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        ("general", lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read"),
        ("general", lambda folder: (folder / "tokenizer.json").write_text("{"), "tokenizer"),
        ("general", lambda folder: (folder / CARD_FILE).write_text("name ="), "not readable as TOML"),
        ("general", index_that_leads_out, "does not name safetensors files of that folder"),
        ("general", index_of(["model.safetensors"]), "does not name safetensors files of that folder"),
        ("general", index_of(None), "does not name safetensors files of that folder"),
        ("general", index_of({"a": ["model.safetensors"]}), "does not name safetensors files of that folder"),
        ("general", without_tensors, "model.safetensors holds no numbers"),
        ("general", nested("config.json"), "config.json cannot be read"),
        ("general", configured("config.json", max_position_embeddings=True), "max_position_embeddings is true, no number of"),
        ("general", configured("config.json", max_position_embeddings=[9]), "max_position_embeddings is [9], no number of"),
        ("general", configured("config.json", sliding_window=True), "sliding_window is true, no number of tokens"),
        ("claims", configured(CONFIG, base_model_name_or_path=["general"]), "base_model_name_or_path is no text"),
        ("claims", nested(CONFIG), "adapter_config.json cannot be read"),
        (
            "claims",
            configured(CONFIG, base_model_name_or_path="general", rank_pattern=[1]),
            "rank_pattern is no table of numbers",
        ),
        ("claims", configured(CONFIG, base_model_name_or_path="general", rank_pattern={"(": 4}), "is no pattern of layers"),
        ("general", shutil.rmtree, "is no folder"),
        ("claims", lambda folder: cut(folder / WEIGHTS), "is not whole"),
        ("claims", lambda folder: with_nan(folder, WEIGHTS), "not finite"),
        ("claims", lambda folder: (folder / CONFIG).unlink(), "has no adapter_config.json"),
        (
            "claims",
            lambda folder: [(folder / WEIGHTS).unlink(), pickled(folder, "adapter_model.bin")],
            "as a pickle (adapter_model.bin)",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_reason_and_nothing_is_left(
    shipped: Path, made: Path, tmp_path: Path, which: str, spoil: Callable[[Path], object], says: str
) -> None:
    source = tmp_path / which
    shutil.copytree(shipped / which, source)
    spoil(source)
    with pytest.raises(Unprocessable) as refused:
        take(source, "new", made, shipped)
    assert says in refused.value.message
    assert [path for path in made.rglob("*") if path.is_file()] == []
    assert not (made / "new").exists()


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".hidden", "Ünder", "x" * 101])
def test_a_name_that_would_lead_out_is_refused(shipped: Path, made: Path, name: str) -> None:
    with pytest.raises(Unprocessable, match="is no name for a model"):
        take(shipped / "general", name, made)
    assert not made.exists()


def test_the_name_that_requests_may_use_for_any_model_is_refused(shipped: Path, made: Path) -> None:
    with pytest.raises(Unprocessable, match="'auto' is kept for requests"):
        take(shipped / "general", "auto", made)


def test_an_adapter_of_another_base_or_of_none_is_refused(shipped: Path, made: Path, tmp_path: Path) -> None:
    make_tiny_general(tmp_path / "others", seed=3, name="other")
    make_tiny_general(tmp_path / "others", hidden=16, name="small")
    with pytest.raises(Unprocessable, match=r"was made from another general@1 \(digest"):
        take(shipped / "claims", "new", made, tmp_path / "others", base="other")
    with pytest.raises(Unprocessable, match=r"is an adapter of general@1; name the base .* with --base"):
        take(shipped / "claims", "new", made)
    shutil.copytree(shipped / "claims", tmp_path / "claims")
    (tmp_path / "claims" / CARD_FILE).unlink()
    with pytest.raises(Unprocessable, match="where rank 4 and the base need"):
        take(tmp_path / "claims", "new", made, tmp_path / "others", base="small")
    with pytest.raises(Unprocessable, match="is an adapter itself; name general@1"):
        take(tmp_path / "claims", "new", made, shipped, base="claims")
    assert not (made / "new").exists()


def test_code_and_pickles_beside_the_weights_stay_behind(shipped: Path, made: Path, tmp_path: Path) -> None:
    source = tmp_path / "general"
    shutil.copytree(shipped / "general", source)
    (source / "modeling_evil.py").write_text("raise SystemExit")
    pickled(source, "training_args.bin")
    assert {path.suffix for path in take(source, "new", made).folder.iterdir()} <= {".json", ".jinja", ".safetensors", ".toml"}


def test_an_export_goes_into_a_new_folder_and_a_failed_one_leaves_nothing(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Conflict, match="holds something already"):
        export_version(catalog.find("claims"), tmp_path / "full")
    export_version(catalog.find("claims"), tmp_path / "empty")
    assert (tmp_path / "empty" / WEIGHTS).is_file()

    def full_disk(source: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(VersusError, match="No space left on device"):
        export_version(catalog.find("claims"), tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full"]


def test_a_disk_that_fills_up_in_an_import_leaves_nothing(shipped: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(VersusError, match="The disk became full; nothing was imported"):
        take(shipped / "general", "new", made)
    assert [path for path in made.rglob("*") if path.is_file()] == []
