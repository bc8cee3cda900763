"""Finds the encoding of a text file, and names the lines where it holds two or none."""

import codecs
from typing import BinaryIO

from app.errors import Unprocessable

MAX_LINE_CHARS = 1_000_000  # what one line may take of memory
_SHOWN_LINES = 5


def find_encoding(stream: BinaryIO, name: str) -> str:
    """utf-8-sig, utf-16 or cp1252. Raises Unprocessable for an empty, binary or mixed file."""
    stream.seek(0)
    start = stream.read(4)
    if not start:
        raise Unprocessable(f"{name} is empty.", param="file")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        if not _decodes(stream, "utf-16", name):
            raise Unprocessable(f"{name} begins as UTF-16 and cannot be read as such; save it as UTF-8.", param="file")
        return "utf-16"
    if _decodes(stream, "utf-8-sig", name):
        return "utf-8-sig"
    _refuse_mixed(stream, name)
    return "cp1252"


def _decodes(stream: BinaryIO, encoding: str, name: str) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        while chunk := stream.read(2**20):
            text = decoder.decode(chunk)
            if (place := text.find("\0")) >= 0:
                raise _has_nul(name, line + text.count("\n", 0, place))
            line += text.count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _has_nul(name: str, line: int) -> Unprocessable:
    return Unprocessable(
        f"{name}, line {line}: it holds a NUL byte. If this is a binary file (a spreadsheet, an archive), export it as CSV in "
        "UTF-8; if it is text, remove the byte.",
        param="file",
    )


def _refuse_mixed(stream: BinaryIO, name: str) -> None:
    """Of a file that is not UTF-8: raises unless it can be Windows-1252 throughout.

    Accented letters in Windows-1252 are hardly ever valid UTF-8, so a file with lines of both was glued together."""
    utf8: list[int] = []
    other: list[int] = []
    stream.seek(0)
    number = 0
    while line := stream.readline(4 * MAX_LINE_CHARS + 1):
        number += 1
        if len(line) > 4 * MAX_LINE_CHARS:
            raise Unprocessable(f"{name}, line {number}: it is longer than {MAX_LINE_CHARS:,} characters.", param="file")
        if line.isascii():
            if b"\0" in line:
                raise _has_nul(name, number)
            continue
        if b"\0" in line:
            raise _has_nul(name, number)
        try:
            line.decode()
            utf8.append(number)
        except UnicodeDecodeError:
            try:
                line.decode("cp1252")
            except UnicodeDecodeError as error:
                raise Unprocessable(
                    f"{name}, line {number}: it is text in none of UTF-8, UTF-16 and Windows-1252 (byte "
                    f"0x{line[error.start]:02x}); save the file as UTF-8.",
                    param="file",
                ) from error
            other.append(number)
    if utf8 and other:
        few, is_, rest = (other, "not UTF-8", "UTF-8") if len(other) <= len(utf8) else (utf8, "UTF-8", "Windows-1252")
        shown = ", ".join(map(str, few[:_SHOWN_LINES])) + (", ..." if len(few) > _SHOWN_LINES else "")
        raise Unprocessable(
            f"{name} mixes encodings: line {shown} ({len(few):,} of the {len(utf8) + len(other):,} lines with letters beyond "
            f"ASCII) is {is_}, the others are {rest}. Save all of it as UTF-8.",
            param="file",
        )
