"""Aliases: which version a name stands for, and who decided that when; one file, the same for all processes.

The file holds decisions in their order, and nothing is ever taken out of it. What a name stands for is its last decision; a
rollback goes to what it stood for before the last one that was not rolled back itself.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from app.errors import SetupError

ALIASES = ".aliases.json"  # in the folder of made models, where no model's folder begins with a dot
FORMER = "aliases.json"  # its name before, which a model may have; read where there is no other, renamed at the next decision

Action = Literal["set", "rollback", "remove"]


@dataclass(frozen=True)
class Decision:
    """From `at` (UTC, ISO 8601) on `name` stands for `target`, name@version; None: the name's highest version, if any."""

    name: str
    action: Action
    target: str | None
    before: str | None  # what it stood for until then
    by: str
    at: str


def read_decisions(root: Path) -> list[Decision]:
    """Oldest first; none where there is no file. Raises SetupError for a file that is not one of ours."""
    try:
        text = _text(root)
        return [] if text is None else [Decision(**entry) for entry in json.loads(text)["decisions"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SetupError(
            f"{ALIASES} in the folder of made models cannot be read ({why}); restore it, or remove it to have none."
        ) from error


def _text(root: Path) -> str | None:
    # The new name again at last: it may have been renamed between the two looks.
    for name in (ALIASES, FORMER, ALIASES):
        if name == FORMER and (root / name).is_dir():  # a model's
            continue
        try:
            return (root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
    return None


def current(decisions: Iterable[Decision]) -> dict[str, str]:
    """What each alias stands for."""
    last = {decision.name: decision.target for decision in decisions}
    return {name: target for name, target in last.items() if target is not None}


def earlier(decisions: Iterable[Decision], name: str) -> list[str]:
    """What a rollback of `name` may go to, the nearest first: what it stood for before each decision that still holds."""
    line: list[str | None] = []
    for decision in decisions:
        if decision.name != name:
            continue
        if decision.action == "set":
            line.append(decision.before)
        elif decision.action == "rollback":
            # It may have gone past versions that were deleted meanwhile.
            while line and line.pop() != decision.target:
                pass
        else:
            line.clear()
    return [target for target in reversed(line) if target is not None]


def decide(
    root: Path, name: str, action: Action, target: str | None, before: str | None, by: str, decisions: list[Decision]
) -> Decision:
    """Writes one more decision; call it within `deciding`, whose decisions these are."""
    made = Decision(name, action, target, before, by, datetime.now(UTC).isoformat(timespec="seconds"))
    part = root / f"{ALIASES}.part"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump({"decisions": [asdict(one) for one in [*decisions, made]]}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(root / ALIASES)
    except OSError as error:
        raise SetupError(f"{ALIASES} cannot be written ({error.strerror}); nothing was changed.") from error
    return made


@contextmanager
def deciding(root: Path) -> Iterator[list[Decision]]:
    """What was decided so far; no other process decides meanwhile. Raises SetupError."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / f"{ALIASES}.lock").open("w")
    except OSError as error:
        raise SetupError(
            f"The folder of made models cannot be written ({error.strerror}); set VERSUS_DATA_DIR to one that can."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _rename_former(root)
        yield read_decisions(root)


def _rename_former(root: Path) -> None:
    if (root / FORMER).is_file() and not (root / ALIASES).exists():
        try:
            (root / FORMER).rename(root / ALIASES)
        except OSError as error:
            raise SetupError(f"{FORMER} cannot be renamed {ALIASES} ({error.strerror}); nothing was changed.") from error
