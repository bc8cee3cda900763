"""Questions made from real prose, as classification: which word it mentions, which was left out, who wrote it."""

import random
import re
from collections.abc import Callable, Iterator, Sequence

from app.domains.episodes import ask
from app.domains.general import Example
from app.training.corpus import Passage

WORD = re.compile(r"[A-Za-z]{4,12}")
GAP = "____"


class Reading:
    """Endless examples of one seed over `passages`."""

    def __init__(self, passages: Sequence[Passage], seed: int) -> None:
        self._rng = random.Random(f"reading {seed}")
        self._by_source: dict[str, list[str]] = {}
        for passage in passages:
            self._by_source.setdefault(passage.source, []).append(passage.text)
        self._texts = [passage.text for passage in passages]
        self._makers: tuple[tuple[str, Callable[[], tuple[str, str, tuple[str, ...]]], tuple[str, ...]], ...] = (
            ("cloze", self._cloze, (f"Which word fits in the gap {GAP}?", "Which word was left out?", "Fill the gap.")),
            ("author", self._author, ("Who wrote the text?", "Where is the text from?")),
        )

    def __iter__(self) -> Iterator[Example]:
        while True:
            kind, make, questions = self._rng.choice(self._makers)
            try:
                text, label, labels = make()
            except ValueError:  # too short for this question
                continue
            # The question is always said: unlike a topic, it cannot be told from the labels.
            instruction = self._rng.choice(questions) if kind != "author" else ask(self._rng, *questions)
            yield Example(f"reading-{kind}", text, tuple(self._rng.sample(labels, len(labels))), label, instruction)

    def _snippet(self, texts: Sequence[str], least: int = 8, most: int = 45) -> list[str]:
        words = self._rng.choice(texts).split()
        size = min(len(words), self._rng.randint(least, most))
        if size < least:
            raise ValueError("too short")
        at = self._rng.randint(0, len(words) - size)
        return words[at : at + size]

    def _wrong(self, not_these: set[str], count: int) -> list[str]:
        """Content words of other passages."""
        found: dict[str, None] = {}
        while len(found) < count:
            words = [word for word in self._snippet(self._texts) if WORD.fullmatch(word)]
            if words and (word := self._rng.choice(words)).lower() not in not_these:
                found[word] = None
        return list(found)

    def _cloze(self) -> tuple[str, str, tuple[str, ...]]:
        words = self._snippet(self._texts)
        at = self._rng.choice([i for i, word in enumerate(words) if WORD.fullmatch(word)] or [-1])
        if at < 0:
            raise ValueError("no word")
        label, words[at] = words[at], GAP
        wrong = self._wrong({label.lower()}, self._rng.randint(1, 7))
        return " ".join(words), label, (label, *wrong)

    def _author(self) -> tuple[str, str, tuple[str, ...]]:
        chosen = self._rng.sample(sorted(self._by_source), min(len(self._by_source), self._rng.randint(2, 6)))
        if len(chosen) < 2:
            raise ValueError("one source")
        label = self._rng.choice(chosen)
        return " ".join(self._snippet(self._by_source[label], 12, 50)), label, tuple(chosen)


def spotting(passages: Sequence[Passage], seed: int, longest: int) -> Iterator[Example]:
    """Endless examples whose label is the one word of the list that is in the text, many texts to a list.

    Texts have at most `longest` words, short ones more often. The simplest way in which a text can tell its label: a small model
    learns from it to hold texts against labels, before likeness of meaning can help it.
    """
    rng = random.Random(f"spotting {longest} {seed}")
    texts = [passage.text.split() for passage in passages]
    questions = ("Which of these words is in the text?", "Which label does the text mention?")
    while True:
        places: dict[str, tuple[list[str], int]] = {}
        size = rng.randint(2, 10)
        while len(places) < size:
            words = rng.choice(texts)
            at = rng.randrange(len(words))
            if WORD.fullmatch(words[at]):
                places.setdefault(words[at].lower(), (words, at))
        labels = tuple(places)
        pairs = [_spot(places, labels, rng, longest) for _ in range(rng.randint(1, 15))]
        text, label = pairs.pop()
        yield Example("reading-mentioned", text, labels, label, ask(rng, *questions), tuple(pairs))


def _spot(
    places: dict[str, tuple[list[str], int]], labels: tuple[str, ...], rng: random.Random, longest: int
) -> tuple[str, str]:
    """A stretch of words around the place of one label that holds no other label."""
    while True:
        label = rng.choice(labels)
        words, at = places[label]
        size = min(rng.randint(1, longest), rng.randint(1, longest))
        first = max(0, at - rng.randrange(size))
        part = words[first : first + size]
        here = {_bare(word.lower()) for word in part}
        if sum(other in here for other in labels) == 1:
            return " ".join(part), label


def _bare(text: str) -> str:
    return text.strip(".,;:!?\"'-()")
