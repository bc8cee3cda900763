"""Keys and values of the prompts and answers in work: each has a place, its tokens stand at 0, 1, ... of it in every layer."""

import heapq

import torch
from torch import Tensor

FIRST_TOKENS = 128  # room of a new place; it doubles as the longest text grows


class KeyValues:
    """Per layer two tensors [places, heads, room, head size]. Unused room is zero, so that a masked token is harmless."""

    def __init__(self) -> None:
        self._keys: dict[int, Tensor] = {}  # by layer
        self._values: dict[int, Tensor] = {}
        self._free: list[int] = []  # places given back, smallest first
        self._places = 0  # places given out so far
        self._rows = 0
        self._room = 0

    def take(self, tokens: int) -> int:
        """A place with room for so many tokens."""
        if self._free:
            place = heapq.heappop(self._free)
        else:
            place, self._places = self._places, self._places + 1
        if self._places > self._rows:
            self._rows = max(self._places, 2 * self._rows)
        self.make_room(tokens)
        return place

    def make_room(self, tokens: int) -> None:
        """At every place, for so many tokens."""
        if tokens > self._room:
            self._room = max(tokens, 2 * self._room, FIRST_TOKENS)

    def give_back(self, place: int) -> None:
        """The last one gives the memory back."""
        heapq.heappush(self._free, place)
        if len(self._free) == self._places:
            self._keys.clear()
            self._values.clear()
            self._free.clear()
            self._places = self._rows = self._room = 0

    def layer(self, number: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """A layer's tensors, as large as is needed; `key` and `value` [..., heads, tokens, head size] tell their form."""
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

    def read(self, place: int, start: int, stop: int) -> list[tuple[Tensor, Tensor]]:
        """A copy of what stands there: keys and values [heads, tokens, head size] of each layer."""
        return [
            (self._keys[number][place, :, start:stop].clone(), self._values[number][place, :, start:stop].clone())
            for number in sorted(self._keys)
        ]

    def write(self, place: int, start: int, layers: list[tuple[Tensor, Tensor]]) -> None:
        """Put back what `read` gave."""
        for number, (key, value) in enumerate(layers):
            keys, values = self.layer(number, key, value)
            keys[place, :, start : start + key.shape[1]] = key
            values[place, :, start : start + value.shape[1]] = value
