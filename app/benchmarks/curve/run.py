"""Measures the points of a study that are not known yet, one by one; stopped or killed, it loses at most the one in hand."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from app.benchmarks.curve.arms import Arm, Classical, FewShot, Kind, Point, ZeroShot, encode
from app.benchmarks.curve.cache import Cache, Record, key_of
from app.benchmarks.curve.custom import Custom
from app.benchmarks.curve.judge import Judge
from app.benchmarks.curve.study import Study
from app.catalog.catalog import ModelVersion
from app.engines.registry import Engines
from app.errors import SetupError, Unprocessable
from app.settings import Settings
from app.training.errors import TrainingStopped
from app.training.recipe import Method
from app.training.refit import Found, require_unlearned

FOLDER = "learning-curves"  # of the data folder: points, and what is in work


@dataclass(frozen=True)
class Doing:
    """Where a run is. `seconds_left` is None until each kind of point was timed once."""

    done: int
    total: int
    point: Point
    name: str  # of the arm
    part: float  # of the point, 0 to 1
    words: str
    seconds_left: float | None


OnDoing = Callable[[Doing], None]


class Curve:
    """A study, its arms, and what is known of its points."""

    def __init__(
        self,
        study: Study,
        *,
        method: Method,
        base: ModelVersion,
        general: ModelVersion,
        settings: Settings,
        minutes: float | None = None,
        options: Mapping[str, Any] | None = None,
        found: Mapping[int, Found] | None = None,
    ) -> None:
        """`found`: seed -> what a training found, of which this one is the refit.

        Raises Unprocessable for a base that nothing can be made from, or a general model that is none."""
        _check(base, general, method)
        require_unlearned(base, method, [study.dataset_id])
        self.study, self.method, self.base, self.general, self.minutes = study, method, base, general, minutes
        self.options = dict(options or {})  # of the training, beside the defaults
        self._settings = settings
        self._root = settings.data_dir / FOLDER
        self._cache = Cache(self._root / "points")
        self._stop = Event()
        self._engines = Engines(settings)
        self._judge = Judge(self._engines, self._stop)
        zero_shot = ZeroShot(study, general, self._judge, self._cache)
        self.arms: list[Arm] = [
            Classical(study, "majority"),
            Classical(study, "classical"),
            zero_shot,
            FewShot(study, general, self._judge, zero_shot),
            Custom(study, method, base, settings, self._stop, minutes=minutes, options=self.options, found=found),
        ]
        # Seed by seed within an arm: a run that is ended early has whole curves of the first seeds.
        self.points = [
            (arm, Point(arm.kind, size, seed)) for arm in self.arms for seed in range(study.seeds) for size in study.sizes
        ]

    def refit(self, found: Mapping[int, Found]) -> "Curve":
        """The same study, its custom models trained anew on validation rows too, by what each seed's training found."""
        return Curve(
            self.study,
            method=self.method,
            base=self.base,
            general=self.general,
            settings=self._settings,
            minutes=self.minutes,
            options=self.options,
            found=found,
        )

    def stop(self) -> None:
        """Ends the run soon, with a checkpoint of the training in hand; from any thread."""
        self._stop.set()

    def known(self) -> dict[Point, Record]:
        """The points that were measured before, by this study or another with the same labels, seeds and test."""
        found = {point: self._cache.get(self._identity(arm, point)) for arm, point in self.points}
        return {point: record for point, record in found.items() if record is not None}

    def seconds_left(self, known: Mapping[Point, Record], spent: float = 0.0) -> float | None:
        """Of what is not known: by the mean of each kind's points so far; a training that was never timed by its minutes.
        `spent`: seconds on the point in hand. None where nothing tells."""
        left = 0.0
        for arm in self.arms:
            missing = [point for _, point in self.points if point.kind == arm.kind and point not in known]
            timed = [record.seconds for point, record in known.items() if point.kind == arm.kind]
            each = sum(timed) / len(timed) if timed else self._guess(arm.kind)
            if missing and each is None:
                return None
            left += len(missing) * (each or 0.0)
        return max(0.0, left - spent)

    def _guess(self, kind: Kind) -> float | None:
        return 60 * self.minutes if kind == "custom" and self.minutes else None

    async def run(self, on_doing: OnDoing) -> dict[Point, Record]:
        """Every point. Raises TrainingStopped when stopped, SetupError when another run works on this folder, and what a
        training or an engine raises; what was measured until then is kept."""
        with _alone(self._root):
            known = self.known()
            try:
                for arm, point in self.points:
                    if point not in known:
                        known[point] = await self._measure(arm, point, known, on_doing)
                    # After the record only: killed before, the model is found and asked again.
                    shutil.rmtree(self._work(arm, point), ignore_errors=True)
            finally:
                await self._engines.close()
        return known

    async def _measure(self, arm: Arm, point: Point, known: Mapping[Point, Record], on_doing: OnDoing) -> Record:
        if self._stop.is_set():
            raise TrainingStopped("stopped between two points; the same command goes on from there")
        began = time.monotonic()

        def tell(part: float, words: str) -> None:
            left = self.seconds_left(known, time.monotonic() - began)
            on_doing(Doing(len(known), len(self.points), point, arm.name, part, words, left))

        tell(0.0, "begins")
        if arm.kind == "custom":
            await self._judge.let_go(self.general)  # a training wants the memory
        labels, facts = await arm.answer(point.size, point.seed, self._work(arm, point), tell)
        record = Record(encode(labels, self.study.labels), round(time.monotonic() - began, 2), facts)
        self._cache.put(self._identity(arm, point), record)
        return record

    def _work(self, arm: Arm, point: Point) -> Path:
        """The point's own folder; another recipe or other rows never meet its checkpoints."""
        return self._root / "work" / key_of(self._identity(arm, point))[:16]

    def _identity(self, arm: Arm, point: Point) -> dict[str, Any]:
        return {**self.study.identity, **arm.identity(point.size, point.seed)}


def by_size(known: Mapping[Point, Record], kind: Kind, size: int) -> list[Record]:
    """A record per seed, in order."""
    points = sorted((point for point in known if (point.kind, point.size) == (kind, size)), key=lambda one: one.seed)
    return [known[point] for point in points]


def _check(base: ModelVersion, general: ModelVersion, method: Method) -> None:
    if base.card.method == "lora" and base.card.remote is None:
        raise Unprocessable(f"{base.id} is an adapter; name {base.card.parent}, its base, with --base.", param="base")
    if base.card.engine != "embedded" and method != "scratch":
        raise Unprocessable(
            f"The weights of {base.id} are not here, so nothing can be made from them; name another with --base.", param="base"
        )
    if general.card.kind != "general":
        raise Unprocessable(f"{general.id} is a custom model; name the general one with --general.", param="general")
    if general.card.remote is not None and not general.card.remote.echo:
        raise Unprocessable(
            f"The server of {general.id} tells no log-probabilities of a prompt, by which labels are compared; name another "
            "with --general.",
            param="general",
        )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Raises SetupError when another run works here: both would write the same checkpoints."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / "lock").open("w")
    except OSError as error:
        raise SetupError(f"{root} cannot be written ({error.strerror}); set VERSUS_DATA_DIR to a folder that can.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                f"Another learning curve is measured in {root}; wait for it, or set VERSUS_DATA_DIR to another folder."
            ) from error
        yield
