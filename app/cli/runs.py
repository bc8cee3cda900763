"""What the commands about finished runs share: a run is named by its id, asked of the service, or by a file, read offline."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.benchmarks.gate.runfile import RunFile
    from app.benchmarks.gate.sides import Side


def _file(name: str) -> "RunFile | str":
    """The run that a file holds, or the id under which the service knows it."""
    from app.benchmarks.gate import runfile

    path = Path(name)
    # No id holds a slash, which would make another route of the service's address.
    return runfile.read(path) if path.suffix == ".json" or path.is_file() or "/" in name else name


async def load_run(name: str, url: str) -> "RunFile":
    """Raises VersusError: no such run or file, no service, a run that did not succeed."""
    from app.benchmarks.client import ServiceClient
    from app.benchmarks.gate.runfile import RunFile

    found = _file(name)
    if isinstance(found, RunFile):
        return found
    async with ServiceClient(url, patience_s=5) as client:
        return RunFile.model_validate(await client.get(f"/v1/runs/{found}/export", format="versus"))


async def load_baseline(this: "Side", baseline: str, arm: str | None, url: str) -> "Side":
    """The arm that `this` is compared with: another of its run by name, or one of another run.

    Raises VersusError, also when the two cannot be compared.
    """
    from app.benchmarks.gate.sides import against
    from app.errors import InvalidRequest

    if baseline not in this.file.arms:
        return against(this, await load_run(baseline, url), arm)
    if arm is not None:
        raise InvalidRequest(f"{baseline!r} is an arm already; leave --baseline-arm out, or name a run with --baseline.")
    return against(this, this.file, baseline)


def require_free(path: Path, option: str, force: bool) -> None:
    """Raises Conflict for a place where there is something already; `option` is how another one is named."""
    from app.errors import Conflict

    if path.is_dir():
        raise Conflict(f"{path} is a folder; name a file with {option}.")
    if path.exists() and not force:
        raise Conflict(f"{path} is there already; name another file with {option}, or add --force to write over it.")


def write(path: Path, text: str) -> None:
    """Whole or not at all. Raises SetupError."""
    from app.benchmarks.curve.written import put
    from app.errors import SetupError

    try:
        put(path.parent, {path.name: text})
    except SetupError as error:
        raise SetupError(f"{path} cannot be written; name another file.") from error
