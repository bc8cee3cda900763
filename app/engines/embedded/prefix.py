"""Remembers the keys and values of how prompts began, so that what requests share is computed once.

An entry is one chunk of tokens behind all the chunks before it, of one variant by its digest: another adapter of the same name
has another digest and never meets the entries of the old one.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

Layers = list[Tensor]  # [tokens, 2 x heads, head size] of each layer, keys before values


class PrefixCache:
    """Least recently used entries leave when `most_bytes` are full. Chunks are `chunk` tokens."""

    def __init__(self, most_bytes: int, chunk: int) -> None:
        self._most, self._chunk = most_bytes, chunk
        self._entries: OrderedDict[tuple[str, bytes], Layers] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, digest: str, prompt: list[int]) -> list[Layers]:
        """The longest known beginning of the prompt in chunks; its last token is always left to compute."""
        keys, found = self._keys(digest, prompt, len(prompt) - 1), []
        for key in keys:
            if key not in self._entries:
                break
            found.append(self._entries[key])
        self._touch(keys[: len(found)])
        return found

    def keep(self, digest: str, prompt: list[int], read: Callable[[int, int], Layers]) -> None:
        """Remember the whole chunks of a computed prompt; `read(start, stop)` gives their keys and values."""
        if not self._most:
            return
        keys = self._keys(digest, prompt, len(prompt))
        for number, key in enumerate(keys):
            if key in self._entries:
                continue
            layers = read(number * self._chunk, (number + 1) * self._chunk)
            size = _bytes(layers)
            if size * len(keys) > self._most:  # it would only push itself out
                return
            self._entries[key] = layers
            self.bytes += size
        self._touch(keys)
        while self.bytes > self._most:
            _, layers = self._entries.popitem(last=False)
            self.bytes -= _bytes(layers)

    def forget(self, digest: str) -> None:
        """Of a variant that was unloaded."""
        for key in [key for key in self._entries if key[0] == digest]:
            self.bytes -= _bytes(self._entries.pop(key))

    def _keys(self, digest: str, prompt: list[int], tokens: int) -> list[tuple[str, bytes]]:
        """Of the whole chunks among the first `tokens`."""
        whole = array("q", prompt).tobytes()
        size = array("q").itemsize * self._chunk
        return [(digest, whole[: size * (number + 1)]) for number in range(tokens // self._chunk)]

    def _touch(self, keys: list[tuple[str, bytes]]) -> None:
        """Used last, the beginning last of all: a chunk without those before it would be of no use."""
        for key in reversed(keys):
            self._entries.move_to_end(key)


def _bytes(layers: Layers) -> int:
    return sum(pairs.nbytes for pairs in layers)
