"""Word pools: kinds of classification written as labels with the phrases that belong to them, one module a field of life."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from app.domains.episodes import ASIDES, Episode, ask, fill, sentence
from app.domains.pools import media, people, work, world

MOST_LABELS = 16


@dataclass(frozen=True)
class Pool:
    """A kind of classification: questions, frames for texts ({x} and {y} are phrases of the label), phrases of each label.

    A label may have several names; the first is the usual one.
    """

    name: str
    questions: tuple[str, ...]
    frames: tuple[str, ...]
    phrases: dict[tuple[str, ...], tuple[str, ...]]


@cache
def pools() -> dict[str, Pool]:
    """Every pool by name, in the order written."""
    found = (pool for module in (world, work, people, media) for pool in parse(module.TEXT))
    return {pool.name: pool for pool in found}


def parse(text: str) -> list[Pool]:
    """`# name`, `? question | question`, `> frame | frame`, then `label/other name: phrase; phrase` with indented rest."""
    return [_parse_one(block) for block in re.split(r"^# ", text, flags=re.MULTILINE)[1:]]


def _parse_one(block: str) -> Pool:
    name, questions, frames, *lines = re.sub(r"\n +", " ", block.strip()).split("\n")
    phrases: dict[tuple[str, ...], tuple[str, ...]] = {}
    for line in lines:
        label, _, rest = line.partition(": ")
        # Code ends its own lines with ";": a doubled one is kept.
        cues = rest.replace(";;", "\0;").strip(";").split("; ")
        phrases[tuple(label.split("/"))] = tuple(cue.replace("\0", ";").strip() for cue in cues)
    return Pool(name, _split(questions), _split(frames), phrases)


def _split(line: str) -> tuple[str, ...]:
    return tuple(line[2:].split(" | "))


def episode(pool: Pool, others: Iterable[Pool], rng: random.Random) -> Episode:
    """Some of the pool's labels, sometimes among labels of `others`, over all of their phrases or a few."""
    size = rng.randint(2, min(MOST_LABELS, len(pool.phrases)))
    chosen = rng.sample(sorted(pool.phrases), size)
    names = {label: label[0] if rng.random() < 0.7 else rng.choice(label) for label in chosen}
    labels = list(names.values())
    if rng.random() < 0.25:
        strange = sorted(
            {label[0] for other in others for label in other.phrases} - {name for label in pool.phrases for name in label}
        )
        labels += rng.sample(strange, min(len(strange), rng.randint(1, MOST_LABELS - size))) if size < MOST_LABELS else []
    rng.shuffle(labels)
    few = rng.randint(2, 4) if rng.random() < 0.3 else None
    phrases = {label: rng.sample(pool.phrases[label], min(few or 99, len(pool.phrases[label]))) for label in chosen}
    plain = pool.name in {"code-language", "data-format", "language"}  # how it is written is the point

    def draw() -> tuple[str, str]:
        label = rng.choice(chosen)
        x, y = rng.choice(phrases[label]), rng.choice(phrases[label])
        text = fill(rng.choice(pool.frames).replace("{x}", x).replace("{y}", y), rng)
        return text if plain else _worn(text, rng), names[label]

    return Episode(ask(rng, *pool.questions), tuple(labels), draw)


def _worn(text: str, rng: random.Random) -> str:
    """As people write: an aside before or after, no capitals, a slip of the finger."""
    point = rng.random()
    if point < 0.5:
        text = sentence(text)
    if rng.random() < 0.25:
        aside = fill(rng.choice(ASIDES), rng)
        text = f"{sentence(text)} {aside}" if rng.random() < 0.5 else f"{aside} {sentence(text)}"
    if (case := rng.random()) < 0.16:
        text = text.lower() if case < 0.12 else text.upper()
    if rng.random() < 0.06 and len(text) > 12:
        at = rng.randrange(4, len(text) - 4)
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text
