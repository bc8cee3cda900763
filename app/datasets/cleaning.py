"""Cleans texts of what nobody sees, counts what it changed, and never touches a label, a field or an answer."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# Format characters that carry meaning stay: joiners of Persian and of emoji, marks of writing direction.
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff]")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f]")
_LINE_ENDS = re.compile("\r\n?")

CHANGES = {
    "spaces_around": "spaces around them taken off",
    "line_ends": "line ends made \\n",
    "invisible": "invisible and control characters taken out",
    "spaces": "non-breaking and other rare spaces made plain",
    "composed": "letters and accents joined (Unicode NFC)",
}


def clean(text: str, changed: Counter[str]) -> str:
    """`changed` counts, by the names of CHANGES, the texts that each change was for."""
    for name, pattern, into in (("line_ends", _LINE_ENDS, "\n"), ("invisible", _INVISIBLE, ""), ("spaces", _SPACES, " ")):
        if name != "line_ends" and text.isprintable() and text.isascii():
            break
        text, count = pattern.subn(into, text)
        changed[name] += count > 0
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
        changed["composed"] += 1
    stripped = text.strip()
    changed["spaces_around"] += stripped != text
    return stripped


def note(changed: Counter[str]) -> list[str]:
    """One sentence, or none where nothing was changed."""
    parts = [f"{changed[name]:,} had {what}" for name, what in CHANGES.items() if changed[name]]
    return [f"Texts cleaned (labels, fields and answers are as they came): {', '.join(parts)}."] if parts else []


def alike(labels: Sequence[str]) -> list[list[str]]:
    """Groups of labels that differ only by case, space or Unicode form."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        folded = "".join(unicodedata.normalize("NFKC", label).casefold().split())
        groups.setdefault(folded, []).append(label)
    return [group for group in groups.values() if len(group) > 1]
