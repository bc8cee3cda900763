"""What the commands about finished runs share: a run is named by its id, asked of the service, or by a file, read offline."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.benchmarks.gate.runfile import RunFile


def _file(name: str) -> "RunFile | str":
    """The run that a file holds, or the id under which the service knows it."""
    from app.benchmarks.gate import runfile

    path = Path(name)
    return runfile.read(path) if path.suffix == ".json" or path.is_file() else name


async def load_run(name: str, url: str) -> "RunFile":
    """Raises VersusError: no such run or file, no service, a run that did not succeed."""
    from app.benchmarks.client import ServiceClient
    from app.benchmarks.gate.runfile import RunFile

    found = _file(name)
    if isinstance(found, RunFile):
        return found
    async with ServiceClient(url, patience_s=5) as client:
        return RunFile.model_validate(await client.get(f"/v1/runs/{found}/export", format="versus"))
