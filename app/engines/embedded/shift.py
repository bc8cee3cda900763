"""What a lane's thread holds from its first job to its end: the weights, the adapters and the batch."""

import gc
import logging
import time
from collections.abc import Sequence
from typing import Any

import torch

from app.catalog.catalog import ModelVersion
from app.engines.base import Piece
from app.engines.embedded.batch import Batch
from app.engines.embedded.jobs import Generate, Job, Load, Outbox, Score, Unload
from app.engines.embedded.lora import Adapters
from app.engines.embedded.network import Network
from app.engines.embedded.prefix import PrefixCache
from app.engines.embedded.weights import load_network, pick_device
from app.errors import Unavailable
from app.settings import Settings

log = logging.getLogger(__name__)

# More in one step gains nothing on a processor and keeps running answers waiting. On a GPU calls are dear: larger chunks.
CPU_STEP_TOKENS, CPU_CHUNK = 512, 32
GPU_CHUNK = 256


class Shift:
    """Used by the lane's thread only."""

    def __init__(self, base: ModelVersion, settings: Settings) -> None:
        self._base, self._settings = base, settings
        self._network: Network | None = None
        self._adapters: Adapters | None = None
        self._batch: Batch | None = None
        self._prefixes: PrefixCache | None = None
        self._step_tokens = settings.batch_tokens
        self._begun: set[Job] = set()  # jobs that wait for their last word
        self.outbox = Outbox()
        if settings.threads:
            torch.set_num_threads(settings.threads)

    @property
    def busy(self) -> bool:
        return self._batch is not None and self._batch.busy

    @property
    def in_work(self) -> int:
        """Requests."""
        return self._batch.requests if self._batch is not None else 0

    @property
    def prefix_bytes(self) -> int:
        return self._prefixes.bytes if self._prefixes is not None else 0

    @property
    def resident(self) -> frozenset[str]:
        if self._adapters is None:
            return frozenset()
        return frozenset({self._base.digest, *self._adapters.digests})

    def digests(self) -> set[str]:
        """Versions that running work uses."""
        return self._batch.digests() if self._batch is not None else set()

    def room(self) -> tuple[int, int]:
        """What the next step can take: tokens, and answers that stay in the batch."""
        if self._batch is None:
            return self._step_tokens, self._settings.batch_rows
        return self._batch.room, self._batch.free_rows

    def turn(self, picked: Sequence[Job]) -> None:
        """Begin with the picked jobs, in order, then compute one step. What it has to tell waits in the outbox."""
        self._begun.update(picked)
        failed: dict[str, Unavailable] = {}  # one attempt to load a version per turn
        for job in picked:
            if not job.cancelled:
                self._begin(job, failed)
        if self._batch is not None:
            self._batch.step()
        self._begun = {job for job in self._begun if not job.cancelled}

    def _begin(self, job: Job, failed: dict[str, Unavailable]) -> None:
        digest = job.model.digest
        if isinstance(job, Unload):
            self._unload(digest)
            self._send(job, None)
            return
        try:
            if digest in failed:
                raise failed[digest]
            batch, slot = self._load(job.model)
        except Unavailable as error:
            failed[digest] = error
            self._send(job, error)
            return
        if isinstance(job, Generate):
            batch.add_generate(job, slot)
        elif isinstance(job, Score):
            batch.add_score(job, slot)
        elif isinstance(job, Load):
            self._send(job, None)

    def _load(self, model: ModelVersion) -> tuple[Batch, int]:
        """The batch and the version's adapter slot, loaded when they are not. Raises Unavailable."""
        if self._network is None or self._adapters is None or self._batch is None:
            began = time.perf_counter()
            device = pick_device(self._settings)
            if device.type == "cpu":
                self._step_tokens = min(self._settings.batch_tokens, CPU_STEP_TOKENS)
            # From where this version stands: another folder with the very same weights may be gone.
            base = model.base or model
            self._network = load_network(base, device)
            self._adapters = Adapters(self._network)
            chunk = CPU_CHUNK if device.type == "cpu" else GPU_CHUNK
            self._prefixes = PrefixCache(self._settings.prefix_cache_bytes, chunk)
            self._batch = Batch(
                self._network,
                most_rows=self._settings.batch_rows,
                step_tokens=self._step_tokens,
                chunk=chunk,
                prefixes=self._prefixes,
                send=self._send,
                lookahead=self._settings.lookahead,
            )
            log.info("loaded %s on %s in %.2f s", base.id, device.type, time.perf_counter() - began)
        if model.base is None:
            return self._batch, 0
        if model.digest not in self._adapters:
            began = time.perf_counter()
            self._adapters.load(model)
            log.info("loaded %s beside %s in %.2f s", model.id, self._base.id, time.perf_counter() - began)
        return self._batch, self._adapters.slot(model.digest)

    def _unload(self, digest: str) -> None:
        if digest == self._base.digest:
            self._network = self._adapters = self._batch = self._prefixes = None
            gc.collect()  # layers and network know each other
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        elif self._adapters is not None and digest in self._adapters:
            self._adapters.unload(digest)
            if self._prefixes is not None:
                self._prefixes.forget(digest)

    def _send(self, job: Job, value: Any) -> None:
        self.outbox.tell(job, value)
        if not isinstance(value, Piece):
            self._begun.discard(job)

    def end(self) -> list[Job]:
        """Let everything go; returns the jobs that are not complete."""
        self._unload(self._base.digest)
        return [*self._begun]
