"""What a report tells beside the numbers: read from the database, the cards, the aliases and the learning curves."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.benchmarks import store
from app.benchmarks.report import Facts
from app.benchmarks.report.collect import CURVES, collect
from app.catalog.cards import Card, Made, write_card
from app.catalog.catalog import Catalog
from app.catalog.promotion import set_alias
from app.database.base import Base
from app.database.session import connect, transaction
from app.settings import Settings
from tests.benchmarks.report.runs import arms
from tests.benchmarks.report.stored import N, store_run


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "models").mkdir()
    return Settings(data_dir=tmp_path, models_dir=tmp_path / "shipped")


def add_model(settings: Settings) -> Catalog:
    folder = settings.made_models_dir / "custom"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    card = Card(
        name="custom",
        kind="custom",
        method="full",
        parameters=1000,
        summary="Sorts claims.",
        made=Made(recipe_digest="ab" * 32),
    )
    write_card(card, folder / "card.toml")
    return Catalog([settings.made_models_dir])


def collected(settings: Settings, catalog: Catalog, *, digest: str | None = None, examples: int = 3) -> Facts:
    async def read() -> Facts:
        database = connect(settings.database)
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        found = [replace(arm, digest=digest or arm.digest) if arm.kind == "custom" else arm for arm in arms(N)]
        run_id = await store_run(settings.database, found)
        async with transaction(database) as session:
            facts = await collect(session, await store.find_run(session, run_id), catalog, settings, examples)
        await database.close()
        return facts

    return asyncio.run(read())


def test_cases_and_data_come_from_the_database(settings: Settings) -> None:
    facts = collected(settings, Catalog([settings.made_models_dir]))
    assert (facts.dataset["name"], facts.dataset["version"], facts.dataset["sha256"]) == ("claims", 3, "ab" * 32)
    assert facts.run["created_at"].endswith(" UTC")
    assert len(facts.cases.fixed) == len(facts.cases.broken) == 3
    assert facts.cases.all_fixed > facts.cases.all_broken > 3
    for case in (*facts.cases.fixed, *facts.cases.broken):
        assert case.text == f"Report {case.id} tells of {case.gold}."
        assert (case.custom == case.gold) != (case.general == case.gold)


def test_a_card_is_told_only_of_the_very_version_that_was_measured(settings: Settings) -> None:
    catalog = add_model(settings)
    facts = collected(settings, catalog, digest=catalog.find("custom").digest)
    assert facts.models["claims@1"]["summary"] == "Sorts claims."
    assert facts.models["claims@1"]["recipe_digest"] == "ab" * 32


def test_another_version_under_the_same_name_is_not(settings: Settings) -> None:
    assert collected(settings, add_model(settings), digest="0" * 64).models == {}


def test_decisions_on_the_models_of_the_run_are_its_log(settings: Settings) -> None:
    catalog = add_model(settings)
    set_alias(catalog, settings.made_models_dir, "production", "custom@1", "kim")
    facts = collected(settings, catalog)
    assert [(one["name"], one["action"], one["target"], one["by"]) for one in facts.aliases or ()] == [
        ("production", "set", "custom@1", "kim")
    ]


def test_decisions_that_cannot_be_read_are_not_taken_for_none(settings: Settings) -> None:
    (settings.made_models_dir / ".aliases.json").write_text("{broken")
    assert collected(settings, Catalog([settings.made_models_dir])).aliases is None


def test_the_curve_of_this_dataset_version_is_found_among_others_and_broken_ones(settings: Settings) -> None:
    for name, text in (
        ("old", json.dumps({"dataset": "claims@2"})),
        ("own", json.dumps({"dataset": "claims@3", "mine": True})),
        ("bad", "{"),
        ("list", "[]"),
    ):
        folder = settings.data_dir / CURVES / name
        folder.mkdir(parents=True)
        (folder / "curve.json").write_text(text)
    facts = collected(settings, Catalog([settings.made_models_dir]))
    assert facts.curve == {"dataset": "claims@3", "mine": True}
