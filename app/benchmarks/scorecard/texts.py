"""The texts that both models are scored on: the task's test texts and texts of no domain, cut for a small context."""

import random
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

LONGEST = 600  # characters of a text that are scored; cut at a word, for both models alike

HERE = files("app.benchmarks.scorecard")


@cache
def general_passages() -> tuple[str, ...]:
    """Short passages of everyday prose, written for Versus: no model in the box was trained on them."""
    return tuple(HERE.joinpath("general.txt").read_text(encoding="utf-8").strip().split("\n\n"))


def cut(text: str, longest: int = LONGEST) -> str:
    """At most so many characters, whole words."""
    words = re.sub(r"\s+", " ", text).strip()
    return words if len(words) <= longest else words[: longest + 1].rpartition(" ")[0] or words[:longest]


def sample(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """So many different texts, seeded, cut; all where there are fewer. Texts of fewer than three words tell nothing."""
    different = sorted({short for text in texts if len((short := cut(text)).split()) >= 3})
    return random.Random(f"scorecard texts {seed}").sample(different, min(count, len(different)))
