"""The catalog sees at the next look-up whatever came, went or was replaced, and reads nothing anew when nothing did."""

import os
import shutil
import time
from pathlib import Path

import pytest

from app.catalog import catalog as module
from app.catalog.cards import CARD_FILE, Card, write_card
from app.catalog.catalog import Catalog
from app.errors import UnknownModel


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
