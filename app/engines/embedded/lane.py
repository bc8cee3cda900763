"""A lane: the queue and the one thread through which all work on one standalone version and its adapters goes.

The thread starts with the first job, sleeps when there is nothing to do, and ends when its weights are unloaded, when the lane
is closed, or when it fails: then all that it had in work gets the error, and the next job starts it anew.
"""

import logging
import threading

from app.catalog.catalog import ModelVersion
from app.engines.base import EngineLoad
from app.engines.embedded.batch import cost
from app.engines.embedded.faults import told
from app.engines.embedded.jobs import Generate, Job, Score, Unload
from app.engines.embedded.pace import Pace
from app.engines.embedded.shift import Shift
from app.engines.embedded.waiting import Waiting
from app.errors import Overloaded, Unavailable, VersusError
from app.settings import Settings

log = logging.getLogger(__name__)


class Lane:
    """`base` stands alone: a general model, a full fine-tune. All methods may be called from any thread."""

    def __init__(self, base: ModelVersion, settings: Settings) -> None:
        self.base, self._settings = base, settings
        self._changed = threading.Condition()
        self._waiting = Waiting()
        self._thread: threading.Thread | None = None
        self.pace = Pace()
        self._closed = False
        self.resident: frozenset[str] = frozenset()  # digests of the versions whose weights are loaded
        self._running = self._prefix_bytes = 0  # as of the last step

    def submit(self, job: Job) -> None:
        """Raises Overloaded when as much waits as the settings allow, Unavailable when the lane is closed."""
        with self._changed:
            if self._closed:
                raise _closing()
            if isinstance(job, Generate | Score):
                self._check_room(job)
            self._waiting.add(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"lane of {self.base.id}", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _check_room(self, job: Generate | Score) -> None:
        waiting, settings = self._waiting, self._settings
        full = None
        if waiting.requests >= settings.queue_requests:
            full = f"{waiting.requests} requests", "VERSUS_QUEUE_REQUESTS"
        elif waiting.requests and waiting.tokens + cost(job) > settings.queue_tokens:
            full = f"{waiting.tokens:,} tokens", "VERSUS_QUEUE_TOKENS"
        if full is not None:
            seconds = self.pace.seconds_for(waiting.tokens)
            raise Overloaded(
                f"{full[0]} wait for {self.base.name} already; try again in {seconds} s, or raise {full[1]}.",
                retry_after_s=seconds,
            )

    def cancel(self, job: Job) -> None:
        """Nobody wants the job any more: it leaves the queue at once, or the batch before its next step."""
        with self._changed:
            job.cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
            self._changed.notify()

    def load_now(self, weights: int) -> EngineLoad:
        waiting = self._waiting
        return EngineLoad(self.base.id, waiting.requests, waiting.tokens, self._running, weights, self._prefix_bytes)

    def close(self) -> None:
        """End the thread; what waits or is in work gets Unavailable. Returns when the thread has ended."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    # ---- In the thread

    def _run(self) -> None:
        shift = Shift(self.base, self._settings)
        error: VersusError | None = None
        try:
            while (picked := self._next(shift)) is not None:
                with self.pace.measured(sum(cost(job) for job in picked if isinstance(job, Generate | Score))):
                    shift.turn(picked)
                self.resident = shift.resident  # before anyone hears that a version is loaded
                self._running, self._prefix_bytes = shift.in_work, shift.prefix_bytes
                shift.outbox.send()
        # Whatever it is, those who wait must hear of it.
        except Exception as failure:
            log.exception("the lane of %s failed", self.base.id)
            what = told(failure, self.base.folder)
            error = Unavailable(f"The engine failed while it worked on {self.base.id} ({what}); send the request again.")
        self._end(shift, error)

    def _next(self, shift: Shift) -> list[Job] | None:
        """Jobs to begin with; waits until there is work, and is None when the thread shall end."""
        with self._changed:
            while not self._closed:
                picked = self._pick(shift)
                if picked or shift.busy:
                    return picked
                if not shift.resident:
                    return None
                self._changed.wait()
        return None

    def _pick(self, shift: Shift) -> list[Job]:
        """Take from the queue what the next step has room for, at least one request when nothing is in work; what leaves waits
        for those before it."""
        used, leaving = shift.digests(), set[str]()
        picked: list[Job] = []
        ready: list[Generate | Score] = []
        for job in self._waiting:
            digest = job.model.digest
            if isinstance(job, Unload):
                if digest == self.base.digest and used:
                    break
                if digest in used:
                    leaving.add(digest)
                    continue
            elif digest in leaving:
                continue
            elif isinstance(job, Generate | Score):
                used.add(digest)
                ready.append(job)
                continue
            picked.append(job)
        for job in picked:
            self._waiting.take(job)
        return picked + self._fitting(ready, shift)

    def _fitting(self, ready: list[Generate | Score], shift: Shift) -> list[Job]:
        """Those of the requests that the next step has room for, in their turn."""
        room, rows = shift.room()
        spare = self._settings.batch_rows // 4  # rows that are kept for answers which somebody waits for
        taken = shift.busy
        picked: list[Job] = []
        for job in self._waiting.in_turn(ready):
            needs_row = isinstance(job, Generate) and job.needs_row
            if needs_row and rows <= (spare if job.batch else 0):
                continue
            if taken and cost(job) > room:
                break
            room -= cost(job)
            rows -= needs_row
            taken = True
            self._waiting.take(job)
            picked.append(job)
        return picked

    def _end(self, shift: Shift, error: VersusError | None) -> None:
        """Let the weights go and leave nobody waiting; a job that came in the meantime starts a new thread."""
        left = shift.end()
        with self._changed:
            self.resident = frozenset()
            self._running = self._prefix_bytes = 0
            self._thread = None
            if error is not None or self._closed:
                left += self._waiting.clear()
            elif self._waiting:
                self._thread = threading.Thread(target=self._run, name=f"lane of {self.base.id}", daemon=True)
                self._thread.start()
        for job in left:
            shift.outbox.tell(job, error or _closing())
        shift.outbox.send()


def _closing() -> Unavailable:
    return Unavailable("The engine is shutting down; ask again when it has started.")
