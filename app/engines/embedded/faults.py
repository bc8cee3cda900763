"""Errors of libraries, as callers may read them."""

from pathlib import Path


def told(error: Exception, folder: Path) -> str:
    """One line, without the place of the files."""
    line = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {line.replace(str(folder), folder.name)}"
