"""`versus db`: what it prints and how it ends."""

import json
import socket
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.db import app


def call(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout.strip(), result.stderr.strip()


def test_the_state_is_empty_until_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "data"))
    assert call("state") == (1, "empty", "")
    assert call("upgrade") == (0, "The database was empty; it is current.", "")
    code, out, _ = call("upgrade", "--json")
    assert (code, json.loads(out)) == (0, {"before": "current", "state": "current"})
    assert call("state", "--json") == (0, '{"state": "current"}', "")


def test_a_data_directory_that_cannot_be_written_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "taken"))
    code, out, err = call("upgrade")
    assert (code, out) == (2, "")
    assert "Set VERSUS_DATA_DIR to a folder that you may write." in err


def test_a_server_that_takes_no_connections_is_waited_for_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken, and nobody listens
        monkeypatch.setenv("VERSUS_DATABASE_URL", f"postgresql://versus@127.0.0.1:{bound.getsockname()[1]}/versus")
        began = time.monotonic()
        code, out, err = call("upgrade", "--wait", "1.5")
    assert time.monotonic() - began >= 1.5
    assert (code, out) == (2, "")
    assert "Check VERSUS_DATABASE_URL and that the server runs." in err
