"""The catalog: every card under the models folders, resolved by name, seen anew when a folder changes."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from app.catalog.adapter_files import problem_with
from app.catalog.aliases import ALIASES, current, read_decisions
from app.catalog.cards import CARD_FILE, Card, read_card
from app.catalog.digest import TICK_NS, model_digest, remote_digest, weight_bytes
from app.errors import SetupError, Unavailable, UnknownModel


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model, ready to be loaded."""

    card: Card
    folder: Path
    digest: str
    bytes: int
    base: "ModelVersion | None" = None

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def id(self) -> str:
        return self.card.id


class Catalog:
    """All versions under `roots`. A made model appears at the next look-up, without a restart.

    A folder whose card or weights cannot be read is left out and its reason kept in `broken`; one bad folder must not take
    the service down. A name stands for its highest version, or for what its alias says.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = tuple(roots)
        self._lock = Lock()
        self._watched: list[Path] = []
        self._marks: list[int] | None = None  # of what is watched; None: look again
        self._seen: tuple[tuple[Path, int], ...] = ()
        self._aliases: dict[str, str] = {}
        self._bad_aliases: dict[Path, str] = {}
        self._versions: dict[str, ModelVersion] = {}
        self._broken: dict[Path, str] = {}
        self._unservable: dict[str, str] = {}  # why, by name and name@version, where the card tells them

    def versions(self) -> list[ModelVersion]:
        """All versions: general models first, then by name, newest version first."""
        self._refresh()
        return sorted(self._versions.values(), key=lambda v: (v.card.kind != "general", v.name, -v.card.version))

    @property
    def broken(self) -> dict[Path, str]:
        """Why what is in a folder cannot be served, by the card or the file of aliases."""
        return self._broken | self._bad_aliases

    def latest(self) -> list[ModelVersion]:
        """Of each name the version that it stands for; the highest where an alias says one that is not there."""
        newest: dict[str, ModelVersion] = {}
        for version in self.versions():
            newest.setdefault(version.name, version)
        return [self._versions.get(self._aliases.get(name, ""), version) for name, version in newest.items()]

    def aliases(self) -> dict[str, str]:
        """Name -> name@version, where somebody decided it."""
        self._refresh()
        return dict(self._aliases)

    def alias_of_another(self, name: str) -> str | None:
        """The version of another model that the name stands for: no model may be called so."""
        target = self.aliases().get(name, "")
        return target if target and target.partition("@")[0] != name else None

    def find(self, name: str) -> ModelVersion:
        """`name@version`, an alias, or a name, which stands for its highest version. Raises UnknownModel with the near names,
        and Unavailable for one that cannot be served, with the reason."""
        self._refresh()
        if name in self._versions:
            return self._versions[name]
        if target := self._aliases.get(name):
            if target in self._versions:
                return self._versions[target]
            why = self._unservable.get(target, "it is no longer there")
            raise Unavailable(f"{name} stands for {target}, which cannot be served: {why}. Roll back or promote another.")
        found = [version for version in self._versions.values() if version.name == name]
        if not found and (reason := self._unservable.get(name)):
            raise Unavailable(f"{name} is there and cannot be served: {reason}.")
        if not found:
            names = {v.name for v in self._versions.values()} | {*self._aliases}
            raise UnknownModel(name, names | ({*self._versions} if "@" in name else set()))
        return max(found, key=lambda version: version.card.version)

    def _refresh(self) -> None:
        with self._lock:
            marks = [*map(_mark, self._watched)]
            if marks == self._marks:
                return
            began = time.time_ns()
            folders = _folders(self._roots)
            cards = [folder / CARD_FILE for folder in folders if (folder / CARD_FILE).is_file()]
            aliases = [root / ALIASES for root in self._roots]
            self._watched = [*self._roots, *folders, *cards, *aliases]
            marks = [*map(_mark, self._watched)]
            seen = tuple((card, _mark(card)) for card in cards)
            if seen != self._seen:
                self._versions, self._broken, self._unservable = _read(cards)
                self._seen = seen
            self._read_aliases()
            # File systems tell time in ticks: what changes again in this one would look as if it had not.
            self._marks = marks if max(marks, default=0) < began - TICK_NS else None

    def _read_aliases(self) -> None:
        """Those of a file that cannot be read stay as they were."""
        bad: dict[Path, str] = {}
        found: dict[str, str] = {}
        for root in self._roots:
            try:
                found |= current(read_decisions(root))
            except SetupError as error:
                bad[root / ALIASES] = error.message
        self._aliases = self._aliases if bad else found
        self._bad_aliases = bad


def _folders(roots: Iterable[Path]) -> list[Path]:
    """Where cards may be: one and two levels below the roots."""
    first = [folder for root in roots for folder in _inside(root)]
    return sorted([*first, *(folder for parent in first for folder in _inside(parent))])


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir()]
    except OSError:  # it is gone, or not ours to read
        return []


def _mark(path: Path) -> int:
    """When it changed last, nanoseconds; 0 where it is not. A folder changes when something in it comes, goes, is replaced."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _read(paths: list[Path]) -> tuple[dict[str, ModelVersion], dict[Path, str], dict[str, str]]:
    """Bases before the variants made from them; the reasons why some cannot be served, by card and by name."""
    versions: dict[str, ModelVersion] = {}
    broken: dict[Path, str] = {}
    unservable: dict[str, str] = {}
    cards: list[tuple[Card, Path]] = []
    for path in paths:
        try:
            cards.append((read_card(path), path.parent))
        except SetupError as error:
            broken[path] = error.message
    # An adapter needs its base's digest first; a full model stands alone.
    for card, folder in sorted(cards, key=lambda pair: _is_adapter(pair[0])):
        base = versions.get(card.parent or "") if _is_adapter(card) else None
        problem = None
        if _is_adapter(card) and base is None:
            problem = f"its base {card.parent} is not in the catalog"
        elif base is not None and card.parent_digest != base.digest:
            problem = f"it was made from another {card.parent} (digest {card.parent_digest}, not {base.digest}); train it anew"
        elif card.id in versions:
            problem = f"{card.id} is also in {versions[card.id].folder}; give one of them another version"
        elif base is not None:
            problem = problem_with(folder, base.folder)
        if problem is None:
            try:
                remote = card.remote
                own = remote_digest(remote.url, remote.model) if remote else None
                digest = own or model_digest(folder, base.digest if base else None)
                size = weight_bytes(folder)
            except OSError as error:
                problem = error.strerror or str(error)
        if problem is not None:
            broken[folder / CARD_FILE] = f"{folder / CARD_FILE}: {problem}"
            unservable |= {card.name: problem, card.id: problem}  # without the path: callers read it
            continue
        versions[card.id] = ModelVersion(card, folder, digest, size, base)
    return versions, broken, unservable


def _is_adapter(card: Card) -> bool:
    """Whether it is served on its base's weights; another server keeps its adapters with their base itself."""
    return card.method == "lora" and card.remote is None
