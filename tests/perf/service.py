"""A service in a process of its own, as users run it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
START_WAIT_S = 120.0


@contextmanager
def transformers_serve(folder: Path) -> Iterator[str]:
    """The URL of transformers' own server on the model of a folder, with continuous batching."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, program = f"http://127.0.0.1:{port}", str(Path(sys.executable).parent / "transformers")
    options = ["--continuous-batching", "--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([program, "serve", str(folder), *options], **quiet)
    try:
        deadline = time.perf_counter() + START_WAIT_S
        while not ready(url, "/health"):
            if process.poll() is not None or time.perf_counter() > deadline:
                sys.exit("transformers serve did not get ready; it needs the extra transformers[serving].")
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def service(folder: Path, **environment: str) -> Iterator[tuple[str, float]]:
    """Its URL, and the seconds from the command to the first ready answer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"VERSUS_DATA_DIR": str(folder), "VERSUS_LOG_LEVEL": "warning"} | environment,
    )
    try:
        while not ready(url):
            if process.poll() is not None or time.perf_counter() - started > START_WAIT_S:
                sys.exit("The service did not get ready.")
            time.sleep(0.02)
        yield url, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def ready(url: str, path: str = "/readyz") -> bool:
    try:
        return httpx.get(url + path, trust_env=False).is_success
    except httpx.TransportError:
        return False
