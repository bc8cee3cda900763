"""Which of the labels is in the text: the skill that classifying rests on, in its shortest form.

A small model that meets it first, with many answers in few tokens, learns within a million tokens to hold a text against a list
of labels; among longer tasks it did not learn that at all.
"""

import random
from collections.abc import Iterator, Sequence

from app.domains.episodes import ask
from app.domains.general import Example

KIND = "spotting"
MOST_SHOTS = 8


def spotting(words: Sequence[str], seed: int, *, most_words: int = 6, most_labels: int = 6) -> Iterator[Example]:
    """Endless examples of one seed: texts of 1 to `most_words` of `words`, one of which is a label."""
    rng = random.Random(f"spotting {seed}")
    while True:
        labels = rng.sample(words, rng.randint(2, most_labels))
        shots = tuple(_draw(words, labels, most_words, rng) for _ in range(rng.randint(0, MOST_SHOTS)))
        text, label = _draw(words, labels, most_words, rng)
        instruction = ask(rng, "Which of these words is in the text?", "Which label does the text mention?")
        yield Example(KIND, text, tuple(labels), label, instruction, shots)


def _draw(words: Sequence[str], labels: Sequence[str], most: int, rng: random.Random) -> tuple[str, str]:
    label = rng.choice(labels)
    others = [word for word in rng.sample(words, rng.randint(0, most - 1)) if word not in labels]
    text = [*others, label]
    rng.shuffle(text)
    return " ".join(text), label
