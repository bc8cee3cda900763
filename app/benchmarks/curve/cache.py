"""Points that are measured already, one small file each, named by the hash of all that decides its answers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.catalog.digest import recipe_digest
from app.errors import SetupError


@dataclass(frozen=True)
class Record:
    """What is kept of a point: for each test case the place of the label that was answered among the study's labels, -1 for
    none; how long it took; and facts for the report. No text is kept, and no weights."""

    answers: list[int]
    seconds: float
    facts: dict[str, Any]


class Cache:
    """Records below `folder`. A record appears under its name only when it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, identity: Mapping[str, Any]) -> Record | None:
        """None for what was not measured, or what cannot be read: it is then measured again."""
        try:
            found = json.loads(self._path(identity).read_text(encoding="utf-8"))
            return Record(found["answers"], found["seconds"], found["facts"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, identity: Mapping[str, Any], record: Record) -> None:
        """Raises SetupError for a folder that cannot be written."""
        path = self._path(identity)
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(record)), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise SetupError(f"{path} cannot be written ({error.strerror}); make room, or set VERSUS_DATA_DIR.") from error

    def _path(self, identity: Mapping[str, Any]) -> Path:
        key = key_of(identity)
        return self._folder / key[:2] / f"{key}.json"


def key_of(identity: Mapping[str, Any]) -> str:
    """64 hex digits."""
    return recipe_digest(dict(identity))
