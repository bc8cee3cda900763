"""Tokens to text as they come: whole characters only, and nothing that may still turn out to be a stop string."""

from collections.abc import Sequence

from app.engines.embedded.codec import Codec

BROKEN = "\ufffd"  # what decoding makes of bytes that are no character, or not one yet


class Detokenizer:
    """The text of a growing list of tokens, in parts that add up to the text of the whole list.

    Decoding starts a few tokens back, because some tokenizers write a token differently at the beginning of a text.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._ids: list[int] = []  # the tokens from which decoding starts
        self._settled = 0  # of these, tokens whose text is out
        self._sent = 0  # characters that are out

    def push(self, token: int) -> str:
        """What is new and certain; bytes that may become a character are held back."""
        self._ids.append(token)
        text = self._decode()
        certain = text.rstrip(BROKEN)
        new = certain[self._sent :]
        if len(certain) < len(text):
            self._sent = max(self._sent, len(certain))
            return new
        self._ids = self._ids[self._settled :]
        self._settled = len(self._ids)
        self._sent = len(self._decode())
        return new

    def finish(self) -> str:
        """What was held back."""
        return self._decode()[self._sent :]

    def _decode(self) -> str:
        return self._codec.decode(self._ids, skip_special_tokens=True)


class TextStream:
    """The text of an answer up to the first stop string."""

    def __init__(self, codec: Codec, stop: Sequence[str]) -> None:
        self._detokenizer = Detokenizer(codec)
        self._stop = stop
        self._held = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """The text that can be sent now; `stopped` tells that the answer has ended."""
        return self._release(self._detokenizer.push(token))

    def finish(self) -> str:
        """The text that is left at the end of the answer."""
        text = self._release(self._detokenizer.finish())
        text, self._held = text + self._held, ""
        return text

    def _release(self, new: str) -> str:
        if self.stopped:
            return ""
        text, self._held = self._held + new, ""
        found = [place for place in map(text.find, self._stop) if place >= 0]
        if found:
            self.stopped = True
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of `text` that begin `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
