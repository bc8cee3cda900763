"""How measured numbers are written: shares and differences with their intervals, text in Markdown, files that appear whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.errors import SetupError


def cell(measured: Mapping[str, Any]) -> str:
    """.842 [.81-.87], or .042 [-.03 to .10]"""
    between = "-" if measured["low"] >= 0 else " to "
    return f"{share(measured['estimate'], 3)} [{share(measured['low'], 2)}{between}{share(measured['high'], 2)}]"


def signed(measured: Mapping[str, Any]) -> str:
    """+12.3 [+8.1 to +16.0], in points."""
    return f"{100 * measured['estimate']:+.1f} [{100 * measured['low']:+.1f} to {100 * measured['high']:+.1f}]"


def share(value: float, digits: int) -> str:
    """.842, 1.0, -.03"""
    text = f"{abs(value):.{digits}f}"
    sign = "-" if value < 0 and float(text) else ""
    return sign + (text.removeprefix("0") if text.startswith("0") else text[:-1])


def model_words(model: Mapping[str, Any]) -> str:
    return f"{model['id']}, {model['parameters']:,} parameters, digest {model['digest'][:16]}…"


def plain(text: str) -> str:
    """Text that can neither break a table nor become HTML."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def prepare(folder: Path) -> None:
    """Before hours of measuring. Raises SetupError for a folder that cannot be written."""
    put(folder, {".writable": ""})
    (folder / ".writable").unlink()


def put(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Each text under its name. Raises SetupError for a folder that cannot be written."""
    paths = [folder / name for name in texts]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            part = path.with_name(f"{path.name}.part")
            part.write_text(texts[path.name], encoding="utf-8")
            part.replace(path)
    except OSError as error:
        raise SetupError(f"{folder} cannot be written ({error.strerror}); name another folder with --out.") from error
    return paths
