"""Keys and values of the rows that generate: row r's tokens stand at places 0, 1, ... of its own, whatever the others do."""

import torch
from torch import Tensor

FIRST_TOKENS = 128  # room of a new row; it doubles as the longest row grows


class KeyValues:
    """Per layer two tensors [rows, heads, room, head size]. Unused room is zero, so that a masked place is harmless."""

    def __init__(self) -> None:
        self._keys: dict[int, Tensor] = {}  # by layer
        self._values: dict[int, Tensor] = {}
        self._rows = 0
        self._room = 0

    def reserve(self, rows: int, tokens: int) -> None:
        """Make room for so many rows of so many tokens each."""
        if rows > self._rows:
            self._rows = max(rows, 2 * self._rows)
        if tokens > self._room:
            self._room = max(tokens, 2 * self._room, FIRST_TOKENS)

    def layer(self, number: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """A layer's tensors, as large as reserved; `key` and `value` [..., heads, tokens, head size] tell their form."""
        self._keys[number] = self._grown(self._keys.get(number), key)
        self._values[number] = self._grown(self._values.get(number), value)
        return self._keys[number], self._values[number]

    def _grown(self, old: Tensor | None, like: Tensor) -> Tensor:
        if old is not None and old.shape[0] >= self._rows and old.shape[2] >= self._room:
            return old
        heads, _, size = like.shape[-3:]
        new = torch.zeros(self._rows, heads, self._room, size, dtype=like.dtype, device=like.device)
        if old is not None:
            new[: old.shape[0], :, : old.shape[2]] = old
        return new

    def move(self, source: int, target: int, tokens: int) -> None:
        """Copy a row's first tokens over another row, so that running rows stay side by side."""
        for store in (self._keys, self._values):
            for tensor in store.values():
                tensor[target, :, :tokens] = tensor[source, :, :tokens]

    def clear(self) -> None:
        """Give the memory back."""
        self._keys.clear()
        self._values.clear()
        self._rows = self._room = 0
