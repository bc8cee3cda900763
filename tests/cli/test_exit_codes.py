"""What the exit code of each command means: 0 done, 1 the answer is no, 2 not begun, and those of the gate."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from app.cli import app

# A request of each command that cannot be granted: here it is wrong, or the service refuses it.
WRONG = (
    "demo --text narrative",
    "serve --host 203.0.113.1",
    "worker --queues tea",
    "train --name x --dataset nothing",
    "methods nothing",
    "learning-curve nothing",
    "build-general --data nowhere",
    "chat",
    "classify text --labels fire,theft",
    "compare text --models general,claims",
    "bench nothing",
    "report run_nothing",
    "verdict run_nothing",
    "scorecard general claims --task nothing",
    "deltas run_nothing --baseline run_other",
    "gate run_nothing --gate accuracy>=0.5",
    "export-run run_nothing",
    "conformance http://127.0.0.1:9 --key-env NOT_SET",
    "audit nowhere.yaml",
    "db upgrade --wait -1",
    "db state --wait 1",
    "data add nowhere.csv",
    "data list --limit 0",
    "data show nothing",
    "data export nothing out.csv",
    "models list --limit 1",
    "models show nothing",
    "models build --data nowhere",
    "models add nonsense",
    "models export nothing --to out",
    "models import nowhere --name x",
    "models promote nothing@1",
    "models rollback nothing",
    "models alias prod nothing@1",
    "models aliases --limit 1",
    "models remove nothing@1",
    "models load nothing",
    "models unload nothing",
    "tasks list",
    "tasks show nothing",
    "tasks check nowhere.toml",
    "tasks add nowhere.toml",
    "tasks data nothing",
    "tasks remove nothing",
)


class Refusing(BaseHTTPRequestHandler):
    """Whatever is asked, it is not there."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({"error": {"message": "There is no such thing.", "code": "not_found"}}).encode()
        self.send_response(404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_PUT = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def at_home(refusing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("VERSUS_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("VERSUS_API_URL", refusing)
    monkeypatch.delenv("VERSUS_DATABASE_URL", raising=False)
    monkeypatch.setattr("app.logs.configure", lambda settings: None)  # of the whole process


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, words, input="hello\n")


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    group = group or get_command(app)
    for name, one in getattr(group, "commands", {}).items():
        yield from commands(one, (*path, name)) if hasattr(one, "commands") else [(*path, name)]


def path_of(line: str) -> tuple[str, ...]:
    words = tuple(line.split())
    return words[:2] if words[0] in ("db", "data", "models", "tasks") else words[:1]


def test_every_command_has_a_wrong_request_here() -> None:
    assert [path_of(line) for line in WRONG] == list(commands())


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_request_ends_with_2_and_a_sentence(line: str) -> None:
    told = invoke(*line.split())
    assert told.exit_code == (3 if path_of(line) == ("gate",) else 2), (told.output, told.exception)
    assert told.stderr.strip()
    assert "Traceback" not in told.output


@pytest.mark.parametrize("path", [*commands()], ids=" ".join)
def test_an_unknown_option_is_a_wrong_request(path: tuple[str, ...]) -> None:
    assert invoke(*path, "--no-such-option").exit_code == (3 if path == ("gate",) else 2)
