"""What a training takes in one step, and the plan of all of it."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Tokens of one step. `ids` [B, T]; `weights` [B, T]: what predicting that token counts for, 0 for none; `positions` [B, T]
    begin anew with each document of a packed row, None when each row is one document padded on the right."""

    ids: Tensor
    weights: Tensor
    positions: Tensor | None = None

    def inputs(self) -> dict[str, Tensor]:
        batch = {"input_ids": self.ids.long(), "weights": self.weights}
        return batch if self.positions is None else batch | {"position_ids": self.positions.long()}


class Batches(Protocol):
    """The batches of a training, one a step; made when asked for, always the same."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Batch: ...
