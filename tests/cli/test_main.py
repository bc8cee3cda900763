"""The command line as a whole: help, wrong settings, and a service that is not there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def versus(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "app.cli", *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    helped = versus("--help")
    assert helped.returncode == 0
    for name in (
        "demo",
        "serve",
        "worker",
        "db",
        "models",
        "data",
        "train",
        "tasks",
        "bench",
        "report",
        "verdict",
        "scorecard",
        "gate",
        "deltas",
        "export-run",
        "audit",
        "conformance",
        "classify",
        "compare",
        "chat",
    ):
        assert name in helped.stdout
    code = (
        "import sys, app.cli; print([name for name in ('torch', 'fastapi', 'sqlalchemy', 'pydantic') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("command", "said"), [("gate", "recall[fraud]"), ("audit", "versus[audit]"), ("verdict", "[matrix.GOLD]")]
)
def test_brackets_of_a_help_text_are_no_markup(command: str, said: str) -> None:
    assert said in versus(command, "--help", COLUMNS="200").stdout


def test_the_version(tmp_path: Path) -> None:
    from app import __version__

    assert versus("--version").stdout.strip() == __version__


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("VERSUS_PORT", "eighty", "VERSUS_PORT"),
        ("VERSUS_DATABASE_URL", "versus.db", "not a database URL"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, value: str, says: str) -> None:
    failed = versus("models", "list", **{setting: value})
    assert failed.returncode == 2
    assert says in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("bench", "claims-type"),
        ("classify", "smoke", "--labels", "fire,theft"),
        ("compare", "smoke", "--models", "general,claims"),
        ("train", "--name", "x", "--dataset", "y"),
    ],
)
def test_without_a_service_commands_say_how_to_start_one(words: tuple[str, ...]) -> None:
    failed = versus(*words, VERSUS_API_URL="http://127.0.0.1:9")
    assert failed.returncode in (1, 2)
    assert "versus serve" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_training_needs_a_name_and_data() -> None:
    failed = versus("train")
    assert failed.returncode == 2
    assert "--recipe" in failed.stderr
