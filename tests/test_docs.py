"""The README keeps its word: its tree, its commands, its routes."""

import re

import pytest
import typer
from fastapi import FastAPI

from app.cli import app as commands
from app.main import create_app
from app.settings import Settings
from tests import readme

TEXT = readme.README.read_text()


def test_the_tree_is_that_of_the_files() -> None:
    assert readme.written() == readme.tree(), "run: python -m tests.readme"


@pytest.mark.parametrize("line", re.findall(r"^versus .*", TEXT, flags=re.M))
def test_a_command_in_the_readme_exists_with_its_options(line: str) -> None:
    words = line.split("#")[0].split()[1:]
    command = typer.main.get_command(commands)
    while words and (found := getattr(command, "commands", {}).get(words[0])):
        command, words = found, words[1:]
    assert command.name in line
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_route_in_the_readme_is_served() -> None:
    app: FastAPI = create_app(Settings(_env_file=None))  # type: ignore[call-arg]
    served = {*app.openapi()["paths"], "/docs"}
    named = set(re.findall(r"(?<=[` ])(/(?:v1/)?[a-z][a-z0-9/{}_-]*)`", TEXT.replace("`/v1", "` /v1")))
    routes = {path for path in named if path.startswith("/v1/") or path in ("/healthz", "/readyz", "/metrics", "/docs")}
    assert len(routes) > 8
    parameters = re.compile(r"\{\w+\}")
    assert {parameters.sub("{}", path) for path in routes} <= {parameters.sub("{}", path) for path in served}


def test_every_command_has_examples_and_a_sentence() -> None:
    def walk(command: typer.core.TyperCommand | typer.core.TyperGroup, path: str) -> list[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return [] if "versus" in (command.help or "") and "Example" in (command.help or "") else [path]
        return [silent for name, found in inner.items() for silent in walk(found, f"{path} {name}")]

    assert walk(typer.main.get_command(commands), "versus") == []
