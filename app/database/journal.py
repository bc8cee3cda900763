"""The journal: rows that are only ever added, of all requests that wait for it, go into the database together.

A commit waits for the disk, and an asynchronous session changes threads for each of its statements. One thread writes instead:
whatever has come in while it wrote is its next transaction. A request waits for its own rows only until they are committed.
"""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert

from app.database.base import Base


@dataclass(frozen=True)
class _Entry:
    """Rows of one request; `written` lives on `loop`."""

    rows: Sequence[Base]
    loop: asyncio.AbstractEventLoop
    written: "asyncio.Future[None]"


class Journal:
    """`engine` is synchronous, and the journal's own. All methods may be called from any event loop."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    async def add(self, rows: Sequence[Base]) -> None:
        """Rows that are in no session; committed when this returns, all of them or none. Raises what the driver raises."""
        loop = asyncio.get_running_loop()
        entry = _Entry(rows, loop, loop.create_future())
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
            self._entries.put(entry)
        await entry.written

    async def close(self) -> None:
        """Returns when all that was added before is written; what is added later starts it anew."""
        with self._starting:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._entries.put(None)
        if thread is not None:
            await asyncio.to_thread(thread.join)

    # ---- In the thread

    def _run(self) -> None:
        open_ = True
        while open_:
            entries = [self._entries.get()]
            while not self._entries.empty():
                entries.append(self._entries.get())
            open_ = None not in entries
            self._write([entry for entry in entries if entry is not None])
        self.engine.dispose()

    def _write(self, entries: Sequence[_Entry]) -> None:
        """Together; where that fails one by one, so that nobody's rows fail for another's."""
        try:
            self._commit(entries)
        except Exception as error:
            if len(entries) > 1:
                for entry in entries:
                    self._write([entry])
            else:
                _tell(entries[0], error)
        else:
            for entry in entries:
                _tell(entry, None)

    def _commit(self, entries: Sequence[_Entry]) -> None:
        if entries:
            with self.engine.begin() as connection:
                _insert(connection, [row for entry in entries for row in entry.rows])


def _insert(connection: Connection, rows: Sequence[Base]) -> None:
    """One statement for all rows of a table that say the same columns; defaults are filled in for the others."""
    alike: dict[tuple[type[Base], tuple[str, ...]], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        said = {name: value for name, value in vars(row).items() if not name.startswith("_sa_")}
        alike[type(row), tuple(sorted(said))].append(said)
    for (table, _), values in alike.items():
        connection.execute(insert(table.__table__), values)  # type: ignore[arg-type]


def _tell(entry: _Entry, error: Exception | None) -> None:
    with suppress(RuntimeError):  # the loop was closed under its request
        entry.loop.call_soon_threadsafe(_end, entry.written, error)


def _end(written: "asyncio.Future[None]", error: Exception | None) -> None:
    if written.done():
        return  # nobody waits any more
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
