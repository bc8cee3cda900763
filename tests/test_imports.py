"""The import order holds, and what is heavy is imported on use only."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TORCH = {"torch", "transformers", "peft"}
LOOK = """
import importlib, sys
for module in sys.argv[1].split():
    importlib.import_module(module)
print(*{name.partition(".")[0] for name in sys.modules})
"""


def imported_by(*modules: str) -> set[str]:
    """Top-level packages that a Python has seen after importing `modules`."""
    command = [sys.executable, "-c", LOOK, " ".join(modules)]
    return set(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split())


def test_the_contracts_of_the_import_order_are_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param(("app.main", "app.cli.serve"), id="the service"),
        pytest.param(("app.jobs.worker",), id="the worker, before its workflows"),
        pytest.param(("app.benchmarks.workflow",), id="benchmarks"),
        pytest.param(("app.engines.registry", "app.engines.fake"), id="engines that run elsewhere"),
    ],
)
def test_torch_is_not_imported_by(modules: tuple[str, ...]) -> None:
    assert imported_by(*modules) & TORCH == set()


def test_help_of_every_command_needs_no_more_than_the_command_line_library() -> None:
    heavy = {"fastapi", "sqlalchemy", "pydantic", "httpx", "dbos", "numpy", "scipy", "sklearn", *TORCH}
    assert imported_by("app.cli") & heavy == set()
