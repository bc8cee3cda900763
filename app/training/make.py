"""Makes a variant from a recipe and rows, once: alone in its folder of work, and under its final name only when it is whole."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.catalog.cards import CARD_FILE, Card, read_card
from app.catalog.catalog import ModelVersion
from app.catalog.digest import model_digest, recipe_digest
from app.catalog.shelf import PARTS, put_in_place
from app.errors import SetupError
from app.training.energy import USUAL, Power
from app.training.errors import TrainingStopped
from app.training.lesson import Rows
from app.training.model_card import model_card
from app.training.progress import OnProgress
from app.training.recipe import CODE, Recipe
from app.training.refit import Found
from app.training.room import said_when_full
from app.training.watch import ShouldStop
from app.training.workshop import Workshop, hash_of

LOCK_POLL_S = 0.5  # between two looks whether the same training is over elsewhere


def digest_of(
    recipe: Recipe,
    rows_by_task: Rows,
    base: ModelVersion,
    texts: Sequence[str] = (),
    processes: int = 1,
    found: Found | None = None,
) -> str:
    """The identity of a training: recipe, base, rows, texts that are only read, the version of this code, in how many
    processes, as a step takes a batch for each, and what it was told that an earlier one found."""
    rows = {name: {split: hash_of(splits[split]) for split in ("train", "validation")} for name, splits in rows_by_task.items()}
    more: dict[str, object] = {"texts": hash_of(texts)} if texts else {}
    if processes > 1:
        more["processes"] = processes
    if found is not None:
        more["found"] = found.model_dump(mode="json")
    return recipe_digest({"recipe": recipe.model_dump(mode="json"), "base": base.digest, "rows": rows, "code": CODE, **more})


def find_made(out_root: Path, name: str, digest: str) -> Path | None:
    """The folder of a version that was made by this very training."""
    for path in sorted(out_root.glob(f"{name}/*/{CARD_FILE}")):
        try:
            if read_card(path).made.recipe_digest == digest:
                return path.parent
        except SetupError:
            continue  # a card that cannot be read is not the one; the catalog tells about it
    return None


def make_variant(
    recipe: Recipe,
    rows_by_task: Rows,
    base: ModelVersion,
    out_root: Path,
    work_dir: Path,
    *,
    texts: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    power: Power = USUAL,
    processes: int = 1,
    found: Found | None = None,
) -> Path:
    """The folder `out_root/<name>/<version>/` of the variant; at once when this very training was done before.

    `rows_by_task` holds for each task of the recipe {"train": [(text, label)], "validation": [...]}, where a
    text_to_text has answers in place of labels and an extraction has fields as JSON; `texts` are read before the task, beside
    its own, by the methods that read; `processes` train it together, a batch each. `found` is of the same recipe without its
    refit, trained before: then the refit alone is done. Killed and called again
    with the same arguments and `work_dir` it goes on from its last checkpoint. Raises Unprocessable for rows that cannot be
    learned from, WontFit for a training that needs more memory or disk than there is, SetupError for a folder that cannot be
    written, TrainingFailed and TrainingStopped as the loop does.
    """
    digest = digest_of(recipe, rows_by_task, base, texts, processes, found)
    made = find_made(out_root, recipe.name, digest)
    if made is not None:
        return made
    work = work_dir / digest[:16]  # another recipe's checkpoints must not be resumed
    try:
        work.mkdir(parents=True, exist_ok=True)
        out_root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{error.filename} cannot be written ({error.strerror}); set VERSUS_DATA_DIR to a folder that can"
        ) from error
    with _alone(work, should_stop), said_when_full():
        made = find_made(out_root, recipe.name, digest)
        if made is not None:
            return made
        workshop = Workshop(recipe, rows_by_task, base, work, texts, on_progress, should_stop, power, processes, found)
        workshop.check_room(out_root)
        card, part = workshop.make(digest)
        if should_stop is not None and should_stop():
            raise TrainingStopped(
                "training was stopped before its model had its name; start it again and it goes on from there"
            )
        version = _put_in_place(card, part, out_root, base)
        shutil.rmtree(work, ignore_errors=True)
    return version


@contextmanager
def _alone(work: Path, should_stop: ShouldStop | None) -> Iterator[None]:
    """Two workers of one data folder never write the same checkpoints: the second waits, and finds what the first made.

    Raises TrainingStopped when asked to stop meanwhile."""
    path = work.with_name(f"{work.name}.lock")
    while True:
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The one before may have removed the file between our opening and locking it.
                held = path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino
            except BlockingIOError:
                held = False
            if held:
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        if should_stop is not None and should_stop():
            raise TrainingStopped("training was stopped while the same one went on elsewhere; start it again if it is wanted")
        time.sleep(LOCK_POLL_S)


def _put_in_place(card: Card, part: Path, out_root: Path, base: ModelVersion) -> Path:
    """Under the next free version: a folder appears under its final name only when it is whole."""
    for path in part.iterdir():
        path.chmod(0o644)
    # Three levels down, where the catalog does not look, and on the file system of the final place.
    staged = out_root / PARTS / card.name / card.made.recipe_digest[:16]
    staged.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(staged, ignore_errors=True)
    shutil.move(part, staged)

    digest = model_digest(staged, base.digest if card.method == "lora" else None)

    def write_readme(card: Card) -> None:
        (staged / "README.md").write_text(model_card(card, digest), encoding="utf-8")

    return put_in_place(card, staged, out_root, write=write_readme)[1]
