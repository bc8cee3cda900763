"""The shelf of made models: a version gets its final name when it is whole, and loses it before anything of it is removed."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.catalog.cards import CARD_FILE, Card, write_card
from app.errors import SetupError

PARTS, GONE = ".parts", ".gone"  # below a root; what is in them is three levels down, where the catalog does not look
LAST = ".last"  # in a name's folder: the highest version that was ever deleted there
STALE_S = 24 * 3600  # what a killed command left behind is removed after that


def put_in_place(card: Card, staged: Path, root: Path, *, write: Callable[[Card], None] = lambda _: None) -> tuple[Card, Path]:
    """Under the next free version of its name, at least the card's own; the number of a deleted version is not given again.

    `staged` is whole but for its card and what `write` adds once the version is known, and on the file system of `root`.
    """
    home = root / card.name
    home.mkdir(parents=True, exist_ok=True)
    while True:
        taken = [int(path.name) for path in home.iterdir() if path.name.isdigit()]
        card = card.model_copy(update={"version": max([card.version, _last(home) + 1, *(number + 1 for number in taken)])})
        write(card)
        write_card(card, staged / CARD_FILE)
        target = home / str(card.version)
        try:
            staged.rename(target)
        except OSError:
            if not target.exists():
                raise
            continue  # another process took this version in the meantime
        return card, target


@contextmanager
def staging(root: Path, name: str, purpose: str) -> Iterator[Path]:
    """A new folder on the file system of `root`, gone at the end unless it was put in place. Raises SetupError."""
    parts = root / PARTS / name
    try:
        parts.mkdir(parents=True, exist_ok=True)
        for old in parts.glob(f"{purpose}-*"):
            if old.stat().st_mtime < time.time() - STALE_S:
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=parts))
        folder.chmod(0o755)
    except OSError as error:
        raise SetupError(
            f"The folder of made models cannot be written ({error.strerror}); set VERSUS_DATA_DIR to one that can."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def take_away(folder: Path, version: int, root: Path) -> None:
    """The folder of a version below `root` loses its name, in one step, and its number stays used; `sweep` frees the disk.

    Raises OSError where it could not be renamed; it is all there then.
    """
    home = folder.parent
    gone = root / GONE / folder.name
    gone.mkdir(parents=True, exist_ok=True)
    if home != root and version > _last(home):
        part = home / f"{LAST}.part"
        part.write_text(f"{version}\n")
        part.replace(home / LAST)
    folder.rename(tempfile.mkdtemp(dir=gone))  # onto an empty folder


def sweep(root: Path) -> None:
    """Remove what was taken away, also by a process that was cut off."""
    for folder in root.glob(f"{GONE}/*/*"):
        shutil.rmtree(folder, ignore_errors=True)


def _last(home: Path) -> int:
    try:
        return int((home / LAST).read_text())
    except (OSError, ValueError):
        return 0
