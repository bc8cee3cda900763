"""What a name stands for: promoted, rolled back, named; every process sees it at its next look-up, and the history stays."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from app.catalog.aliases import ALIASES, FORMER, read_decisions
from app.catalog.catalog import Catalog
from app.catalog.promotion import promote, remove_alias, roll_back, set_alias
from app.errors import Conflict, NotFound, SetupError, Unavailable, UnknownModel, Unprocessable
from tests.fakes import make_fake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Made models: claims in three versions, and tickets in one."""
    make_fake(tmp_path, "tickets", kind="custom", method="full")
    for version in (1, 2, 3):
        made = make_fake(tmp_path / "claims", str(version), kind="custom", method="full")
        card = made / "card.toml"
        card.write_text(
            card.read_text().replace(f'name = "{version}"', 'name = "claims"').replace("version = 1", f"version = {version}")
        )
    return tmp_path


@pytest.fixture
def catalog(root: Path) -> Catalog:
    catalog = Catalog([root])
    assert catalog.find("claims").id == "claims@3"
    return catalog


def test_a_name_stands_for_its_highest_version_until_one_is_promoted_and_every_process_sees_it(
    root: Path, catalog: Catalog
) -> None:
    other = Catalog([root / "elsewhere", root])  # another process
    assert other.find("claims").id == "claims@3"

    made = promote(catalog, root, "claims@1", "ada")

    assert (made.target, made.before, made.by) == ("claims@1", "claims@3", "ada")
    assert catalog.find("claims").id == other.find("claims").id == "claims@1"
    assert catalog.find("claims@3").id == "claims@3"  # a version stays itself
    assert [version.id for version in catalog.latest()] == ["claims@1", "tickets@1"]
    assert catalog.aliases() == {"claims": "claims@1"}


def test_a_newer_version_waits_for_its_promotion(root: Path, catalog: Catalog) -> None:
    promote(catalog, root, "claims@2", "ada")
    card = shutil.copytree(root / "claims" / "3", root / "claims" / "4") / "card.toml"
    card.write_text(card.read_text().replace("version = 3", "version = 4"))
    assert catalog.find("claims@4").id == "claims@4"
    assert catalog.find("claims").id == "claims@2"
    remove_alias(catalog, root, "claims", "ada")
    assert catalog.find("claims").id == "claims@4"


def test_rolling_back_goes_to_what_served_before_and_further_back_each_time(root: Path, catalog: Catalog) -> None:
    for target in ("claims@1", "claims@2"):
        promote(catalog, root, target, "ada")
    assert roll_back(catalog, root, "claims", "bob").target == "claims@1"
    assert roll_back(catalog, root, "claims", "bob").target == "claims@3"  # what it stood for before anyone decided
    promote(catalog, root, "claims@2", "ada")
    assert roll_back(catalog, root, "claims", "bob").target == "claims@3"
    history = [(one.action, one.target, one.by) for one in read_decisions(root)]
    assert history == [
        ("set", "claims@1", "ada"),
        ("set", "claims@2", "ada"),
        ("rollback", "claims@1", "bob"),
        ("rollback", "claims@3", "bob"),
        ("set", "claims@2", "ada"),
        ("rollback", "claims@3", "bob"),
    ]


def test_a_new_version_that_nobody_promoted_is_rolled_back_to_the_one_below(root: Path, catalog: Catalog) -> None:
    assert [roll_back(catalog, root, "claims", "ada").target for _ in range(2)] == ["claims@2", "claims@1"]
    assert catalog.find("claims").id == "claims@1"
    with pytest.raises(Conflict):
        roll_back(catalog, root, "claims", "ada")
    with pytest.raises(Conflict):
        roll_back(catalog, root, "tickets", "ada")
    with pytest.raises(NotFound, match="no model and no alias 'nobody'"):
        roll_back(catalog, root, "nobody", "ada")


def test_rolling_back_passes_over_what_was_deleted(root: Path, catalog: Catalog) -> None:
    for target in ("claims@1", "claims@2", "claims@3"):
        promote(catalog, root, target, "ada")
    shutil.rmtree(root / "claims" / "2")
    assert roll_back(catalog, root, "claims", "ada").target == "claims@1"
    assert roll_back(catalog, root, "claims", "ada").target == "claims@3"  # what it stood for before anyone decided
    assert roll_back(catalog, root, "claims", "ada").target == "claims@1"  # the next lower that is there
    with pytest.raises(Conflict, match="claims stands for claims@1, and there is nothing before that"):
        roll_back(catalog, root, "claims", "ada")


def test_the_highest_version_that_was_promoted_is_rolled_back_to_the_one_below(root: Path, catalog: Catalog) -> None:
    promote(catalog, root, "claims@3", "ada")
    assert roll_back(catalog, root, "claims", "ada").target == "claims@2"
    set_alias(catalog, root, "production", "claims@3", "ada")
    with pytest.raises(Conflict, match="production stands for claims@3, and there is nothing before that"):
        roll_back(catalog, root, "production", "ada")


def test_an_alias_has_a_name_of_its_own_and_moves_between_models(root: Path, catalog: Catalog) -> None:
    set_alias(catalog, root, "production", "claims", "ada")  # a name: the version that it stands for now
    assert catalog.find("production").id == "claims@3"
    promote(catalog, root, "claims@1", "ada")
    assert catalog.find("production").id == "claims@3"
    set_alias(catalog, root, "production", "tickets", "ada")
    assert catalog.find("production").id == "tickets@1"
    assert roll_back(catalog, root, "production", "ada").target == "claims@3"
    remove_alias(catalog, root, "production", "ada")
    with pytest.raises(UnknownModel):
        catalog.find("production")
    with pytest.raises(NotFound, match="'production' is no alias"):
        remove_alias(catalog, root, "production", "ada")


def test_the_same_decision_again_changes_nothing(root: Path, catalog: Catalog) -> None:
    first = promote(catalog, root, "claims@1", "ada")
    assert promote(catalog, root, "claims@1", "bob") == first
    assert len(read_decisions(root)) == 1


@pytest.mark.parametrize(
    ("name", "target", "error", "says"),
    [
        ("production", "claims@9", UnknownModel, "no model named 'claims@9'"),
        ("tickets", "claims@1", Conflict, "tickets is a model, and claims@1 is a version of another"),
        ("../x", "claims@1", Unprocessable, "is no name for a model"),
        ("a@1", "claims@1", Unprocessable, "is no name for a model"),
        ("auto", "claims@1", Unprocessable, "'auto' is kept for requests that leave the choice of a model to Versus"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    root: Path, catalog: Catalog, name: str, target: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        set_alias(catalog, root, name, target, "ada")
    with pytest.raises(Unprocessable, match="claims is no version; promote one of claims@3, claims@2, claims@1"):
        promote(catalog, root, "claims", "ada")
    assert not (root / ALIASES).exists()


def test_a_name_whose_version_is_gone_is_not_silently_another(root: Path, catalog: Catalog) -> None:
    promote(catalog, root, "claims@1", "ada")
    shutil.rmtree(root / "claims" / "1")
    with pytest.raises(Unavailable, match=r"claims stands for claims@1, which cannot be served: it is no longer there"):
        catalog.find("claims")
    assert roll_back(catalog, root, "claims", "ada").target == "claims@3"
    assert catalog.find("claims").id == "claims@3"


def test_a_damaged_file_is_told_and_what_was_known_stays(root: Path, catalog: Catalog) -> None:
    promote(catalog, root, "claims@1", "ada")
    assert catalog.find("claims").id == "claims@1"
    (root / ALIASES).write_text("{")
    assert catalog.find("claims").id == "claims@1"
    (reason,) = catalog.broken.values()
    assert "aliases.json in the folder of made models cannot be read" in reason
    assert str(root) not in reason
    (root / ALIASES).unlink()
    (root / ALIASES).mkdir()
    with pytest.raises(SetupError) as refused:
        read_decisions(root)
    assert "Is a directory" in refused.value.message
    assert str(root) not in refused.value.message


def test_a_model_may_be_called_as_the_file_of_aliases_was(root: Path, catalog: Catalog) -> None:
    make_fake(root / FORMER, "1", kind="custom", method="full")
    card = root / FORMER / "1" / "card.toml"
    card.write_text(card.read_text().replace('name = "1"', f'name = "{FORMER}"'))
    promote(catalog, root, "claims@1", "ada")
    assert catalog.find("claims").id == "claims@1"
    assert catalog.find(FORMER).id == f"{FORMER}@1"
    assert catalog.broken == {}


def test_a_file_under_the_former_name_is_read_and_renamed_at_the_next_decision(root: Path, catalog: Catalog) -> None:
    promote(catalog, root, "claims@1", "ada")
    (root / ALIASES).rename(root / FORMER)
    assert Catalog([root]).find("claims").id == catalog.find("claims").id == "claims@1"
    promote(catalog, root, "claims@2", "bob")
    assert [one.by for one in read_decisions(root)] == ["ada", "bob"]
    assert not (root / FORMER).exists()


def test_decisions_of_many_at_once_are_all_kept_and_a_reader_never_sees_half_a_file(root: Path, catalog: Catalog) -> None:
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            if (root / ALIASES).exists():
                seen.append(len(json.loads((root / ALIASES).read_text())["decisions"]))

    reader = threading.Thread(target=read)
    reader.start()
    writers = [
        threading.Thread(target=lambda name=f"alias-{n}": set_alias(Catalog([root]), root, name, "claims@1", "ada"))
        for n in range(12)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    assert len(catalog.aliases()) == 12
    assert seen == sorted(seen)


def test_nothing_is_written_on_a_disk_that_is_full(root: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(catalog, root, "claims@1", "ada")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="nothing was changed"):
        promote(catalog, root, "claims@2", "ada")
    assert catalog.find("claims").id == "claims@1"
