"""What each method of a comparison is trained with: options for all of them and for one alone, from a TOML file."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.benchmarks.curve.methods import METHODS
from app.errors import SetupError
from app.training.recipe import Method, Options

GIVEN = {"seed": "--seeds", "minutes": "--minutes", "refit": "--refit"}  # what the command itself says of every training


def read_options(path: Path) -> dict[Method, dict[str, Any]]:
    """What the file says for each method: its own table over what stands at the top. Raises SetupError that names the field."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is not readable as TOML: {error}") from error
    own = {method: said.pop(method, {}) for method in METHODS}
    for method, table in own.items():
        if not isinstance(table, dict):
            raise SetupError(f"{path}: {method} must be a table of options; write [{method}] and the options below it.")
    return {method: _checked(said | own[method], method, path) for method in METHODS}


def _checked(options: dict[str, Any], method: Method, path: Path) -> dict[str, Any]:
    for name, instead in GIVEN.items():
        if name in options:
            raise SetupError(f"{path}: {name} is not of one method; leave it out and use {instead} of the command.")
    known = [name for name in Options.model_fields if name not in GIVEN]
    for name in options.keys() - set(known):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
        raise SetupError(f"{path}: there is no option {name!r}; {hint}")
    try:
        return Options.model_validate(options).model_dump(exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise SetupError(f"{path}: {method}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
