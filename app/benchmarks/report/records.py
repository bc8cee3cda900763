"""How a run is done again: its command and all of its settings, from what was stored when it was asked for."""

import shlex
from collections.abc import Mapping
from typing import Any

from app.benchmarks.report.grids import Grid

_OPTIONS = ("limit", "repeats", "consistency_cases", "concurrency", "seed")  # of `versus bench`, named like the settings
_APART = ("arms", "models", "labels")


def command(task: str, config: Mapping[str, Any]) -> str:
    """With the versions that were measured, as a name may stand for another one by now."""
    words = ["versus", "bench", task, "--models", ",".join(_versions(config))]
    if (baselines := config.get("baselines")) is not None:
        words += ["--baselines", ",".join(baselines)]
    if config.get("few_shot") is False:
        words.append("--no-few-shot")
    for name in _OPTIONS:
        if config.get(name) is not None:
            words += [f"--{name.replace('_', '-')}", str(config[name])]
    return shlex.join(words)


def _versions(config: Mapping[str, Any]) -> list[str]:
    """Each model once: an arm with examples is the same model again."""
    versions = [arm["model"] for arm in config.get("arms", ()) if arm.get("kind") != "baseline"]
    return list(dict.fromkeys(versions)) or list(config.get("models", ()))


def settings_grid(config: Mapping[str, Any]) -> Grid:
    rows = [(name.replace("_", " "), _written(value)) for name, value in sorted(config.items()) if name not in _APART]
    return Grid("Settings of the run", "As stored when the run was asked for.", ("setting", "value"), rows, words=1)


def _written(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_written(part)}" for name, part in value.items())
    return ", ".join(map(_written, value)) or "none" if isinstance(value, list | tuple) else str(value)
