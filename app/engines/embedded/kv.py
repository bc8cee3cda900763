"""Keys and values of the prompts and answers in work: each has a place, its tokens stand at 0, 1, ... of it in every layer."""

import heapq

import torch
from torch import Tensor

FIRST_TOKENS = 128  # room of a new place; it doubles as the longest text grows
REACH = 32  # so much further than a text attention may reach


class KeyValues:
    """Per layer one tensor [places, room, 2 x heads, head size], keys before values. Unused room is zero: attention reaches
    into it, and a masked token that is not a number would spoil what it is added to."""

    def __init__(self) -> None:
        self._layers: dict[int, Tensor] = {}
        self._free: list[int] = []  # places given back, smallest first
        self._places = 0  # places given out so far
        self._rows = 0
        self._room = 0

    @property
    def layers(self) -> int:
        """That have been written to."""
        return len(self._layers)

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
        if tokens + REACH > self._room:
            self._room = max(tokens + REACH, 2 * self._room, FIRST_TOKENS)

    def give_back(self, place: int, tokens: int) -> None:
        """A place where `tokens` were written. The last one gives the memory back."""
        heapq.heappush(self._free, place)
        if len(self._free) == self._places:
            self._layers.clear()
            self._free.clear()
            self._places = self._rows = self._room = 0
        for layer in self._layers.values():
            layer[place, :tokens] = 0

    def layer(self, number: int, like: Tensor) -> Tensor:
        """A layer's tensor, as large as is needed; `like` [..., 2 x heads, head size] tells its form."""
        old = self._layers.get(number)
        if old is not None and old.shape[0] >= self._rows and old.shape[1] >= self._room:
            return old
        new = torch.zeros(self._rows, self._room, *like.shape[-2:], dtype=like.dtype, device=like.device)
        if old is not None:
            new[: old.shape[0], : old.shape[1]] = old
        self._layers[number] = new
        return new

    def read(self, place: int, start: int, stop: int) -> list[Tensor]:
        """A copy of what stands there: [tokens, 2 x heads, head size] of each layer."""
        return [self._layers[number][place, start:stop].clone() for number in sorted(self._layers)]

    def write(self, place: int, start: int, layers: list[Tensor]) -> None:
        """Put back what `read` gave."""
        for number, pairs in enumerate(layers):
            self.layer(number, pairs)[place, start : start + len(pairs)] = pairs
