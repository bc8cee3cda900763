"""The catalog sees at the next look-up whatever came, went or was replaced, and reads nothing anew when nothing did."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from app.catalog import catalog as module
from app.catalog import digest
from app.catalog.adapter_files import CONFIG, WEIGHTS
from app.catalog.cards import CARD_FILE, Card, write_card
from app.catalog.catalog import Catalog
from app.errors import Unavailable, UnknownModel
from tests.models import make_adapter, make_tiny_general


def put(root: Path, name: str, version: int = 1) -> Path:
    folder = root / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    write_card(
        Card(name=name, version=version, kind="general", method="pretrained", context=8, parameters=1), folder / CARD_FILE
    )
    return folder


def names(catalog: Catalog) -> list[str]:
    return [version.id for version in catalog.versions()]


def test_versions_come_and_go_without_a_restart(tmp_path: Path) -> None:
    catalog = Catalog([tmp_path / "made"])
    with pytest.raises(UnknownModel):
        catalog.find("claims")
    put(tmp_path / "made", "claims")
    assert names(catalog) == ["claims@1"]
    second = put(tmp_path / "made", "claims", version=2)
    assert catalog.find("claims").id == "claims@2"
    shutil.rmtree(second)
    assert catalog.find("claims").id == "claims@1"
    (tmp_path / "made" / "claims" / "1" / CARD_FILE).write_text("nonsense")
    assert names(catalog) == []
    assert list(catalog.broken) == [tmp_path / "made" / "claims" / "1" / CARD_FILE]


def test_a_card_that_is_replaced_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    folder = put(tmp_path, "claims")
    catalog = Catalog([tmp_path])
    assert catalog.find("claims").card.context == 8
    stood = folder.stat().st_mtime_ns, (folder / CARD_FILE).stat().st_mtime_ns
    write_card(Card(name="claims", kind="general", method="pretrained", context=9, parameters=1), folder / CARD_FILE)
    os.utime(folder, ns=(stood[0], stood[0]))  # as a coarse clock would have it
    assert catalog.find("claims").card.context == 9


def test_nothing_is_listed_again_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(tmp_path, "claims")
    past = time.time() - 60
    for path in (folder / CARD_FILE, folder, folder.parent, tmp_path):
        os.utime(path, (past, past))
    catalog = Catalog([tmp_path])
    first = catalog.find("claims")
    monkeypatch.setattr(module, "_folders", lambda roots: pytest.fail("listed again"))
    assert catalog.find("claims") is first


def test_weights_are_read_again_only_when_they_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(tmp_path, "claims")
    before = Catalog([tmp_path]).find("claims").digest
    time.sleep(2 * digest.TICK_NS / 1e9)
    assert Catalog([tmp_path]).find("claims").digest == before  # remembered from here
    reads: list[Path] = []
    plain = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *rest, **more: reads.append(self) or plain(self, *rest, **more))
    assert Catalog([tmp_path]).find("claims").digest == before
    assert folder / "model.safetensors" not in reads
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")  # of the same length
    assert Catalog([tmp_path]).find("claims").digest != before


# ---- Adapters


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    make_tiny_general(tmp_path)
    make_adapter(tmp_path, Catalog([tmp_path]).find("general"), "claims", seed=1, r=4)
    return tmp_path


def spoil_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | values))


def of_another_base(folder: Path) -> None:
    """Valid in itself, and its base has fewer layers."""
    tensors = {name.replace("layers.1.", "layers.9."): value for name, value in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: spoil_config(folder, r=5), "where rank 5 and the base need"),
        (lambda folder: spoil_config(folder, use_dora=True), "it uses use_dora"),
        (of_another_base, "the base has no layer model.layers.9"),
        (lambda folder: (folder / CONFIG).unlink(), "adapter_config.json is missing"),
        (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-7]), "is not whole"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"\x80\x02}q\x00."), "cannot be read"),  # a pickle
    ],
)
def test_a_bad_adapter_is_named_with_its_reason_before_anyone_asks_it(
    shelf: Path, spoil: Callable[[Path], object], says: str
) -> None:
    catalog = Catalog([shelf])
    assert catalog.find("claims").base is not None
    spoil(shelf / "claims")
    os.utime(shelf / "claims" / CARD_FILE)
    assert names(catalog) == ["general@1"]
    (reason,) = catalog.broken.values()
    assert says in reason
    for name in ("claims", "claims@1"):
        with pytest.raises(Unavailable, match="is there and cannot be served") as refused:
            catalog.find(name)
        assert says in refused.value.message
        assert str(shelf) not in refused.value.message
