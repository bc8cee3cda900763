"""docs/gate.md keeps its word: its workflow parses, its commands exist, its gates are gates, its table has every metric."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from app.benchmarks.gate.grammar import METRICS, SCORES, parse
from app.benchmarks.gate.intervals import least_for_quantile
from app.cli import app as commands

TEXT = (Path(__file__).parents[3] / "docs" / "gate.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, flags=re.S)


def workflow() -> dict[str, Any]:
    (text,) = [text for language, text in BLOCKS if language == "yaml"]
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def called() -> list[list[str]]:
    """Every `versus` command of the page, as words."""
    steps = [step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step]
    shown = [text for language, text in BLOCKS if not language]
    lines = [line.strip() for text in (*steps, *shown) for line in text.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("versus ")]


def test_the_workflow_has_jobs_with_steps_that_do_something() -> None:
    parsed = workflow()
    assert parsed[True] == "pull_request"  # YAML 1.1 reads `on` as true; GitHub does not
    (job,) = parsed["jobs"].values()
    assert job["runs-on"]
    assert all("run" in step or "uses" in step for step in job["steps"])


@pytest.mark.parametrize("words", called(), ids=lambda words: " ".join(words[:3]))
def test_a_command_of_the_page_exists_with_its_options(words: list[str]) -> None:
    command: Any = typer.main.get_command(commands)
    rest = words[1:]
    while rest and (found := getattr(command, "commands", {}).get(rest[0])):
        command, rest = found, rest[1:]
    assert command.name == words[1] or command.name in words
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_its_gates_are_gates() -> None:
    gates = [words[place + 1] for words in called() for place, word in enumerate(words) if word == "--gate"]
    assert len([parse(gate) for gate in gates]) >= 8


def test_its_table_has_every_metric_and_its_numbers_hold() -> None:
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*? \|", TEXT, flags=re.M)))) == {
        *METRICS,
        *SCORES,
    }
    assert f"from {least_for_quantile(0.95, 0.95)} timed cases on" in TEXT
    assert f"a 99th from {least_for_quantile(0.99, 0.95)}" in TEXT
