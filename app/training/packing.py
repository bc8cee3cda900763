"""Packs documents of several kinds into rows of one length with no padding, in the shares asked for."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from app.training.batch import Batch
from app.training.corpus import Document


class Packer:
    """Draws from the stream that is furthest behind its share; the rest of a row too short for the next document is filled
    with a piece of the `filler` stream, the only one whose documents may be cut.

    A document never sees its neighbours in the row: its positions begin at 0, which the model's mask is made from.
    """

    def __init__(self, streams: Mapping[str, Iterator[Document]], shares: Mapping[str, float], filler: str) -> None:
        self._streams, self._shares, self._filler = streams, shares, filler
        self._held: dict[str, Document] = {}
        self.tokens = dict.fromkeys(streams, 0)  # how many tokens of each stream went in

    def batches(self, count: int, rows: int, length: int) -> Iterator[Batch]:
        """`count` batches of `rows` x `length` tokens."""
        for _ in range(count):
            parts = [self._row(length) for _ in range(rows)]
            ids, weights, positions = (np.stack([part[i] for part in parts]) for i in range(3))
            # Small types while the plan waits in memory; `Batch.inputs` widens them.
            yield Batch(torch.from_numpy(ids), torch.from_numpy(weights), torch.from_numpy(positions))

    def _take(self, name: str) -> Document:
        return self._held.pop(name) if name in self._held else next(self._streams[name])

    def _row(self, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ids: list[int] = []
        weights: list[float] = []
        positions: list[int] = []
        while (room := length - len(ids)) > 0:
            name = min(self._streams, key=lambda name: self.tokens[name] / self._shares[name])
            document = self._take(name)
            if len(document.ids) > room and name != self._filler:
                if len(document.ids) <= length:  # one longer than a row is left out
                    self._held[name] = document
                name = self._filler
                document = self._take(name)
            if len(document.ids) > room:
                self._held[name] = Document(document.ids[room:], document.weights[room:])
                document = Document(document.ids[:room], document.weights[:room])
            ids += document.ids
            # The first token of a piece has no context in this row: nothing can be learned from predicting it.
            weights += [0.0, *document.weights[1:]]
            positions += range(len(document.ids))
            self.tokens[name] += len(document.ids)
        return np.array(ids, np.int32), np.array(weights, np.float32), np.array(positions, np.int32)
