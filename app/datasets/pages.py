"""Reads how much the pages of a Parquet column say they unpack to, without unpacking them.

A footer can lie about sizes. The head of a page cannot: the decompressor allocates what it says and fails when more comes out.
Heads are Thrift structs in the compact protocol (`PageHeader` in the Parquet format's parquet.thrift).
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from app.errors import Unprocessable

_HEAD_BYTES = 64 * 1024  # statistics may stand in a head; a longer one is no honest head
_UNPACKED, _PACKED = 2, 3  # fields of PageHeader
_DEPTH = 8


def unpacked_bytes(stream: BinaryIO, chunk: Any, name: str) -> int:
    """Bytes that the pages of a column chunk unpack to. Raises Unprocessable where they cannot be read.

    chunk: a pyarrow ColumnChunkMetaData."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    end = start + chunk.total_compressed_size
    total = 0
    try:
        while start < end:
            stream.seek(start)
            head = _Head(stream.read(min(_HEAD_BYTES, end - start)))
            sizes = dict(head.integers())
            unpacked, packed = sizes[_UNPACKED], sizes[_PACKED]
            if unpacked < 0 or packed < 0:
                raise ValueError("a negative size")
            total += unpacked
            start += head.at + packed
    except (LookupError, ValueError) as error:
        raise Unprocessable(f"{name} cannot be read as Parquet: a page of {chunk.path_in_schema!r} is damaged.") from error
    return total


class _Head:
    """A Thrift struct in the compact protocol, read for the integers among its own fields."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0  # bytes read

    def integers(self, depth: int = 0) -> Iterator[tuple[int, int]]:
        """(field, value) of its integers, until its end. Raises IndexError where the bytes end, ValueError for nonsense."""
        if depth > _DEPTH:
            raise ValueError("structs in structs")
        field = 0
        while byte := self._byte():
            delta, kind = byte >> 4, byte & 15
            field = field + delta if delta else self._zigzag()
            if kind in (4, 5, 6):  # i16, i32, i64
                yield field, self._zigzag()
            else:
                self._skip(kind, depth)

    def _skip(self, kind: int, depth: int, *, in_list: bool = False) -> None:
        match kind:
            case 1 | 2:  # a truth value is in its field's head, in a list a byte
                self.at += in_list
            case 3:
                self.at += 1
            case 4 | 5 | 6:
                self._zigzag()
            case 7:
                self.at += 8
            case 8:
                size = self._varint()  # moves `at` itself
                self.at += size
            case 9 | 10:
                head = self._byte()
                size = self._varint() if head >> 4 == 15 else head >> 4
                for _ in range(size):
                    self._skip(head & 15, depth + 1, in_list=True)
                    if self.at > len(self._data):
                        raise IndexError
            case 12:
                for _ in self.integers(depth + 1):
                    pass
            case _:
                raise ValueError(f"kind {kind}")

    def _byte(self) -> int:
        byte = self._data[self.at]
        self.at += 1
        return byte

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a number of too many bytes")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
