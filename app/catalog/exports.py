"""A version as a folder in the plain Hugging Face layout, for other tools and other machines."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.catalog.catalog import ModelVersion
from app.errors import Conflict, SetupError, Unprocessable


@contextmanager
def new_folder(to: Path) -> Iterator[Path]:
    """A folder to write into, which is called `to` when all went well and is removed when not.

    Raises Conflict for a folder that holds something, SetupError for one that cannot be written.
    """
    to = to.absolute()
    if to.is_dir() and any(to.iterdir()):
        raise Conflict(f"{to} holds something already; name a new folder.")
    if to.exists() and not to.is_dir():
        raise Conflict(f"{to} is a file; name a new folder.")
    part: Path | None = None
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
        part.chmod(0o755)
        yield part
        part.rename(to)
    except OSError as error:
        raise SetupError(f"{to} cannot be written ({error.strerror or error}); name a folder that can.") from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def export_version(version: ModelVersion, to: Path) -> None:
    """Weights, configuration, tokenizer, card and notes, byte for byte: an adapter as PEFT reads it, a full model as
    transformers does. Raises as `new_folder` does, and Unprocessable for a model whose weights are not here."""
    check_exportable(version)
    with new_folder(to) as part:
        copy_files(version.folder, part)


def check_exportable(version: ModelVersion) -> None:
    if version.card.engine != "embedded":
        raise Unprocessable(f"{version.id} is served by the {version.card.engine} engine; its weights are not here to export.")


def copy_files(source: Path, target: Path) -> None:
    """All plain files at the top of a version's folder."""
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
