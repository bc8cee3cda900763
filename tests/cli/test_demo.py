"""`versus demo` on a small file and a tiny model: everything for real, in separate processes, in under a minute."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.models import make_tiny_general

ROOT = Path(__file__).parents[2]
STORIES = {"theft": ("the bicycle was stolen", "a thief took it"), "fire": ("smoke and flames", "the wall burned")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a tiny general model, and a labelled file."""
    folder = tmp_path_factory.mktemp("demo")
    make_tiny_general(folder / "models")
    draws = random.Random(0)
    lines = ["text,kind"]
    for number in range(400):
        label = draws.choice([*STORIES])
        lines.append(f"{draws.choice(STORIES[label])} on day {number},{label}")
    (folder / "desk.csv").write_text("\n".join(lines))
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def environment(place: Path) -> dict[str, str]:
    given = {"VERSUS_DATA_DIR": str(place / "var"), "VERSUS_MODELS_DIR": str(place / "models"), "OMP_NUM_THREADS": "1"}
    return os.environ | given | {"COLUMNS": "160"}


def command(place: Path, *options: str) -> list[str]:
    data = ["--data", str(place / "desk.csv"), "--text", "text", "--label", "kind", "--method", "lora", "--minutes", "0.1"]
    return [sys.executable, "-m", "app.cli", "demo", *data, "--limit", "40", *options]


def demo(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(place, *options), cwd=ROOT, env=environment(place), capture_output=True, text=True, timeout=240, check=False
    )


@contextmanager
def running(place: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    # A test run that was started in the background ignores Ctrl-C, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command(place, "--port", str(port)),
        cwd=ROOT,
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_demo_ends_with_a_table_a_verdict_and_addresses_that_answer(place: Path) -> None:
    first = demo(place, "--exit", "--port", str(free_port()))
    assert first.returncode == 0, first.stdout + first.stderr
    for arm in ("majority class", "TF-IDF + logistic regression", "general", "general few-shot", "desk@1"):
        assert arm in first.stdout
    assert "Verdict: " in first.stdout
    assert "McNemar mid-p" in first.stdout
    assert "waiting for a worker" in first.stderr  # progress goes to stderr; so small a training may be over before it is told

    # Again: nothing is trained or measured a second time, and the service stays until it is told to end.
    port = free_port()
    with running(place, port) as again:
        url = f"http://127.0.0.1:{port}"
        said = ""
        assert again.stdout is not None
        while "runs until Ctrl-C" not in said:
            line = again.stdout.readline()
            assert line, said
            said += line
        assert "was made before by the same recipe" in said
        assert "measured before" in said
        addresses = [word for word in said.split() if word.startswith(url)]
        assert len(addresses) >= 4
        for address in addresses:
            assert httpx.get(address, trust_env=False).status_code == 200, address
        compared = next(httpx.get(address, trust_env=False).json() for address in addresses if "/comparisons/" in address)
        assert {output["model"] for output in compared["outputs"]} == {"general", "desk@1"}

        # Two demos at once on one data folder, and a port that is taken: a sentence each, and exit code 2.
        both = demo(place, "--exit", "--port", str(free_port()))
        assert (both.returncode, both.stdout) == (2, "")
        assert "Another demo runs" in both.stderr
        elsewhere = place / "elsewhere"
        taken = subprocess.run(
            command(place, "--port", str(port)),
            cwd=ROOT,
            env=environment(place) | {"VERSUS_DATA_DIR": str(elsewhere)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert taken.returncode == 2
        assert f"Port {port}" in taken.stderr

        again.send_signal(signal.SIGINT)
        assert again.wait(timeout=40) == 0
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/healthz", trust_env=False)


def test_a_demo_that_was_killed_leaves_no_process_behind(place: Path) -> None:
    port = free_port()
    with running(place, port) as process:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        process.kill()
    deadline = time.monotonic() + 40
    while _answers(port):
        assert time.monotonic() < deadline, "the service outlived its demo"
        time.sleep(0.2)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
    except httpx.TransportError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--text", "text"], "name it with --data"),
        (["--tasks", "claims-kind"], "claims-type"),
    ],
)
def test_options_that_do_not_go_together(place: Path, options: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--exit", "--port", str(free_port()), *options],
        cwd=ROOT,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_made_is_named(place: Path) -> None:
    (place / "file").write_text("")
    done = subprocess.run(
        command(place, "--exit"),
        cwd=ROOT,
        env=environment(place) | {"VERSUS_DATA_DIR": str(place / "file" / "var")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "VERSUS_DATA_DIR" in done.stderr


def test_models_and_answers_as_json_for_machines(place: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "app.cli", "models", "list", "--json"],
        cwd=ROOT,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert {model["name"] for model in json.loads(listed.stdout)} >= {"general", "desk"}
