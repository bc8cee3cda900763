"""A service that is asked to end takes no new work, tells so, finishes what is in work, and then is gone."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.web.draining import Drain
from tests.fakes import make_fake

ROOT = Path(__file__).parents[2]


def test_the_end_is_when_nothing_is_in_work_or_the_limit_is_over() -> None:
    drain = Drain()
    assert not drain.over(0)
    drain.in_work = 1
    drain.begin()
    assert drain.begun
    assert not drain.over(60)
    assert drain.over(-1)
    drain.in_work = 0
    assert drain.over(60)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A real `versus serve` with fake models, and its port."""
    make_fake(tmp_path / "models")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "VERSUS_DATA_DIR": str(tmp_path / "data"),
        "VERSUS_MODELS_DIR": str(tmp_path / "models"),
        "VERSUS_EMBEDDED": "false",
        "VERSUS_EMBEDDED_WORKER": "false",
    }
    start = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(start, cwd=ROOT, env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield process, port
    process.kill()
    process.wait()


def test_work_in_hand_is_finished_and_new_work_refused(served: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = served
    url = f"http://127.0.0.1:{port}"
    body = json.dumps({"model": "general", "prompt": "covered ", "max_tokens": 3}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as caller:
        # A request whose body is on its way.
        caller.sendall(head.encode() + body[:10])
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)

        ready = httpx.get(f"{url}/readyz", trust_env=False)
        assert ready.status_code == 503
        assert "asked to end" in ready.json()["checks"]["ending"]
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        refused = httpx.post(f"{url}/v1/completions", content=body, trust_env=False)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "5"
        assert "is ending" in refused.json()["error"]["message"]
        assert process.poll() is None

        caller.sendall(body[10:])
        answer = caller.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")
    assert process.wait(20) in (0, -signal.SIGTERM)


def test_with_nothing_in_work_it_is_gone_at_once(served: tuple[subprocess.Popen[bytes], int]) -> None:
    process, _ = served
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert time.monotonic() - began < 5
