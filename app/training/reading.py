"""Questions made from real prose, as classification: which word was left out, which is mentioned, who wrote it."""

import random
import re
from collections.abc import Callable, Iterator, Sequence

from app.domains.episodes import ask
from app.domains.general import Example
from app.training.corpus import Passage

WORD = re.compile(r"[A-Za-z]{4,12}")
GAP = "____"
TRIES = 200  # a few in real prose; made-up prose may have no other words


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
            ("cloze", self._cloze, (f"Which word fits in the gap {GAP}?", "Which word was left out?", "Fill the gap.")),
            ("mentioned", self._mentioned, ("Which word is in the text?", "Which label does the text mention?")),
            ("not-mentioned", self._not_mentioned, ("Which word is not in the text?",)),
            ("next", self._next, ("Which words come next?", "How does the text go on?")),
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
        for _ in range(TRIES):
            if len(found) == count:
                return list(found)
            words = [word for word in self._snippet(self._texts) if WORD.fullmatch(word)]
            if words and (word := self._rng.choice(words)).lower() not in not_these:
                found[word] = None
        raise ValueError("too few other words")

    def _cloze(self) -> tuple[str, str, tuple[str, ...]]:
        words = self._snippet(self._texts)
        at = self._rng.choice([i for i, word in enumerate(words) if WORD.fullmatch(word)] or [-1])
        if at < 0:
            raise ValueError("no word")
        label, words[at] = words[at], GAP
        wrong = self._wrong({label.lower()}, self._rng.randint(1, 7))
        return " ".join(words), label, (label, *wrong)

    def _mentioned(self) -> tuple[str, str, tuple[str, ...]]:
        words = self._snippet(self._texts)
        here = {_bare(word.lower()) for word in words}
        label = self._rng.choice([word for word in words if WORD.fullmatch(word)] or [""])
        if not label:
            raise ValueError("no word")
        return " ".join(words), label, (label, *self._wrong(here, self._rng.randint(1, 9)))

    def _not_mentioned(self) -> tuple[str, str, tuple[str, ...]]:
        words = self._snippet(self._texts, least=12)
        here = {_bare(word.lower()) for word in words}
        there = list(dict.fromkeys(word for word in words if WORD.fullmatch(word)))
        if len(there) < 3:
            raise ValueError("too few words")
        label = self._wrong(here, 1)[0]
        return " ".join(words), label, (label, *self._rng.sample(there, self._rng.randint(2, min(5, len(there)))))

    def _next(self) -> tuple[str, str, tuple[str, ...]]:
        words = self._snippet(self._texts, least=14)
        label = _bare(" ".join(words[-4:]))
        wrong = {_bare(" ".join(self._snippet(self._texts, 4, 4))) for _ in range(self._rng.randint(1, 3))} - {label}
        if not wrong:
            raise ValueError("the same words")
        return " ".join(words[:-4]), label, (label, *sorted(wrong))

    def _author(self) -> tuple[str, str, tuple[str, ...]]:
        chosen = self._rng.sample(sorted(self._by_source), min(len(self._by_source), self._rng.randint(2, 6)))
        if len(chosen) < 2:
            raise ValueError("one source")
        label = self._rng.choice(chosen)
        return " ".join(self._snippet(self._by_source[label], 12, 50)), label, tuple(chosen)


def _bare(text: str) -> str:
    return text.strip(".,;:!?\"'")
