"""The encoding of a file is found; one that mixes two is refused with the lines that differ."""

import io

import pytest

from app.datasets.encodings import find_encoding
from app.errors import Unprocessable

LINES = ["text,label", "Schäden à 5 €,a", "plain,b", "Übel,a"]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8-sig"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("cp1252", "cp1252"), ("ascii", "utf-8-sig")],
)
def test_the_encodings_that_people_send(encoding: str, found: str) -> None:
    content = "\n".join(LINES).encode(encoding, "ignore")
    assert find_encoding(io.BytesIO(content), "desk.csv") == found


def test_a_letter_across_two_reads_is_whole() -> None:
    assert find_encoding(io.BytesIO(b"x" * (2**20 - 1) + "€".encode()), "desk.csv") == "utf-8-sig"


@pytest.mark.parametrize(
    ("encodings", "message"),
    [
        (
            ("utf-8", "utf-8", "utf-8", "cp1252"),
            "line 4 (1 of the 2 lines with letters beyond ASCII) is not UTF-8, the others are",
        ),
        (
            ("utf-8", "cp1252", "utf-8", "cp1252", "cp1252", "utf-8"),
            "line 6 (1 of the 4 lines with letters beyond ASCII) is UTF-8",
        ),
    ],
)
def test_a_file_glued_together_of_two_encodings_names_the_lines(encodings: tuple[str, ...], message: str) -> None:
    lines = [*LINES, "Straße,b", "Öl,a"][: len(encodings)]
    content = b"\n".join(line.encode(encoding) for line, encoding in zip(lines, encodings, strict=True))
    with pytest.raises(Unprocessable) as refused:
        find_encoding(io.BytesIO(content), "desk.csv")
    assert message in refused.value.message
    assert "desk.csv mixes encodings" in refused.value.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "desk.csv is empty."),
        (b"text\na\0b", "line 2: it holds a NUL byte"),
        (b"text\n\xe9\na\0b", "line 3: it holds a NUL byte"),
        (b"text\n\xe9\n\x81\x8d", "line 3: it is text in none of UTF-8, UTF-16 and Windows-1252 (byte 0x81)"),
        (b"\xff\xfe\0", "begins as UTF-16 and cannot be read as such"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        find_encoding(io.BytesIO(content), "desk.csv")
    assert message in refused.value.message
