"""`versus tasks` against a running service: check, add, show, list, remove, and how it ends where that cannot be."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.benchmarks.client import ServiceClient
from app.cli.data import app as data
from app.cli.tasks import app
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.fakes import make_fake
from tests.server import serve

FILE = """
name = "losses"
title = "Losses"
dataset = "desk"
labels = ["water", "fire", "wind"]
slices = ["{slice}"]
"""
ROWS = "story,kind,desk\n" + "\n".join(
    f"the {('pipe', 'oven')[i % 2]} of house {i},{('water', 'fire')[i % 2]},N" for i in range(40)
)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(tmp_path / "models"))
    make_fake(tmp_path / "models", "general")
    (tmp_path / "desk.csv").write_text(ROWS)
    (tmp_path / "good.toml").write_text(FILE.format(slice="desk"))
    (tmp_path / "bad.toml").write_text(FILE.format(slice="region"))
    upgrade(Settings().database)
    added = CliRunner().invoke(
        data, ["add", str(tmp_path / "desk.csv"), "--label", "kind", "--text", "story", "--keep", "desk"]
    )
    assert added.exit_code == 0, added.stderr
    with serve(create_app(Settings())) as url:
        monkeypatch.setenv("VERSUS_API_URL", url)
        yield url


def call(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


def test_a_file_is_checked_added_shown_listed_and_removed(url: str, tmp_path: Path) -> None:
    good, bad = str(tmp_path / "good.toml"), str(tmp_path / "bad.toml")
    code, out, _ = call("check", good)
    assert (code, "losses: would be taken (28 train, 4 validation, 8 test cases)" in out) == (0, True)
    assert "- Labels without a train row: 1 of 3 ('wind')." in out
    assert "of 1,024 tokens, without examples" in out
    for command in ("check", "add"):
        code, _, err = call(command, bad)
        assert (code, "keeps no column 'region'; it keeps desk" in err) == (2, True)
    assert call("check", bad, "--json")[0] == 2

    assert call("add", good)[:2] == (0, call("add", good)[1])  # the same definition is the same version
    shown = call("show", "losses")[1]
    assert tomllib.loads(shown) | tomllib.loads(FILE.format(slice="desk")) == tomllib.loads(shown)
    (tmp_path / "again.toml").write_text(shown)
    assert json.loads(call("add", str(tmp_path / "again.toml"), "--json")[1])["version"] == 1
    assert any("losses" in line and "user" in line for line in call("list")[1].splitlines())
    assert {"losses", "claims-type", "house-rules"} <= {task["name"] for task in json.loads(call("list", "--json")[1])}

    assert call("remove", "losses")[0] == 0
    code, _, err = call("show", "losses")
    assert (code, "There is no task named 'losses'" in err) == (2, True)


def test_a_file_that_is_no_toml_and_a_field_that_is_none_are_told(url: str, tmp_path: Path) -> None:
    (tmp_path / "no.toml").write_text("name = ")
    (tmp_path / "odd.toml").write_text(FILE.format(slice="desk").replace("title", "titel"))
    assert "no.toml is not readable as TOML" in call("add", str(tmp_path / "no.toml"))[2]
    code, _, err = call("add", str(tmp_path / "odd.toml"))
    assert (code, "'titel'" in err) == (2, True)


def test_without_a_service_it_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ServiceClient.__init__
    monkeypatch.setattr(ServiceClient, "__init__", lambda self, url, **more: plain(self, url, **{**more, "patience_s": 0.0}))
    code, _, err = call("list", "--url", "http://127.0.0.1:9")
    assert (code, "versus serve" in err) == (2, True)
