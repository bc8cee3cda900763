"""Engines are made once, on use, and what cannot be made says why."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.catalog.catalog import Catalog
from app.engines import registry
from app.engines.registry import Engines
from app.errors import Unavailable
from app.settings import Settings
from tests.fakes import make_fake
from tests.models import make_tiny_general


def test_one_engine_of_each_name_however_many_ask_at_once(tmp_path: Path) -> None:
    make_fake(tmp_path, "general")
    model = Catalog([tmp_path]).find("general")
    engines = Engines(Settings())
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: engines.of(model), range(32)))
    assert len({id(engine) for engine in made}) == 1


def test_warming_loads_the_weights(tmp_path: Path) -> None:
    make_tiny_general(tmp_path)
    model = Catalog([tmp_path]).find("general")
    engines = Engines(Settings())

    async def warm() -> tuple[bool, bool]:
        before = engines.loaded(model)
        await engines.warm(model)
        after = engines.loaded(model)
        await engines.close()
        return before, after

    assert asyncio.run(warm()) == (False, True)


def test_an_engine_that_is_turned_off_or_lacks_a_package_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tiny_general(tmp_path)
    model = Catalog([tmp_path]).find("general")
    with pytest.raises(Unavailable, match="VERSUS_EMBEDDED"):
        Engines(Settings(embedded=False)).of(model)
    monkeypatch.setitem(registry.ENGINES, "embedded", ("no_such_package.engine", "Engine"))
    with pytest.raises(Unavailable, match="no_such_package"):
        Engines(Settings()).of(model)
