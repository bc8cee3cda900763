"""What the general model reads: prose, instructions and generated examples as streams of weighted tokens."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerFast

from app.catalog.prompts import classification_prompt
from app.domains import general
from app.domains.hold_out import is_held_out as is_held_out
from app.errors import SetupError

PROMPT_WEIGHT = 0.25  # reading a prompt that people wrote teaches language; answering it is the point
SHOT_WEIGHT = 4.0  # labels of the examples shown in a prompt are answers too
ANSWER_WEIGHT = 12.0  # a label counts like this many tokens of prose, however few it has
TURN_WEIGHT = 8.0  # the same for a generated answer
ECHO_WEIGHT = 0.5  # a random token that comes again

Item = TypeVar("Item")


@dataclass(frozen=True)
class Document:
    """Token ids, and what predicting each of them counts for."""

    ids: list[int]
    weights: list[float]


@dataclass(frozen=True)
class Passage:
    """A piece of prose and who wrote it."""

    source: str
    text: str


def prose(folder: Path) -> Iterator[Passage]:
    """Paragraphs of the corpus, files in a fixed order, hard line breaks mended except in verse."""
    files = sorted(folder.rglob("*.txt"))
    if not files:
        raise SetupError(f"{folder} holds no .txt files; point --data at the folder that holds general_corpus")
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        source = _source(path)
        if path.name.startswith("wikipedia"):
            sentences = text.splitlines()
            yield from (Passage(source, "\n".join(sentences[i : i + 8])) for i in range(0, len(sentences), 8))
            continue
        lines = [len(line) for line in text.splitlines() if line.strip()]
        verse = sorted(lines)[len(lines) // 2] < 50
        for paragraph in re.split(r"\n\s*\n", text):
            words = paragraph.strip()
            if words:
                yield Passage(source, words if verse else re.sub(r"\s+", " ", words))


def _source(path: Path) -> str:
    """`gutenberg/austen-emma.txt` is by Austen; speeches and the encyclopedia are sources of their own."""
    if path.parent.name in {"inaugural", "state_union"}:
        return "a president's speech"
    return re.split(r"[-_]", path.stem)[0].capitalize()


def instructions(folder: Path) -> list[tuple[str, str]]:
    """(prompt, answer) pairs. The test file of GSM8K is never opened."""
    pairs: list[tuple[str, str]] = []
    for row in _jsonl(folder / "dolly_open_qa.jsonl"):
        question, _, answer = row["text"].partition("### Assistant:")
        pairs.append((question.removeprefix("### Human:").strip(), answer.strip()))
    for row in _jsonl(folder / "gsm8k_train.jsonl"):
        pairs.append((row["question"], re.sub(r"<<[^>]*>>", "", row["answer"])))
    for row in json.loads((folder / "rasbt_instruction_data.json").read_text()):
        pairs += [("\n\n".join(filter(None, (row["instruction"], row["input"]))), row["output"])] * 3
    for name in ("seed_tasks.jsonl", "user_oriented_instructions.jsonl"):
        for row in _jsonl(folder / name):
            for case in row["instances"]:
                pairs.append(("\n\n".join(filter(None, (row["instruction"], case["input"]))), case["output"]))
    return [(prompt, answer) for prompt, answer in pairs if prompt and answer]


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


class Encoder:
    """Texts to weighted tokens, in the very form that serving sends."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer.backend_tokenizer
        self._id = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("begin", "end", "user", "assistant")}

    def text(self, text: str) -> Document:
        """Plain prose: begin, text, end; each token counts 1."""
        ids = [self._id["begin"], *self.tokens(text), self._id["end"]]
        return Document(ids, [0.0] + [1.0] * (len(ids) - 1))

    def tokens(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def prompt(self, prompt: str) -> list[int]:
        """A user turn, up to where the answer begins."""
        return [self._id["begin"], self._id["user"], *self.tokens(prompt), self._id["end"], self._id["assistant"]]

    def chat(
        self,
        prompt: str,
        answer: str,
        *,
        shots: Sequence[str] = (),
        answer_weight: float = 1.0,
        prompt_weight: float = PROMPT_WEIGHT,
    ) -> Document:
        """One exchange. `shots` are the labels of the examples shown in the prompt, in their order."""
        user = self._tokenizer.encode(prompt, add_special_tokens=False)
        reply = self.tokens(answer)
        weights = [prompt_weight] * len(user.ids)
        at = 0
        for label in shots:
            at = prompt.index(f"\nLabel: {label}\n", at) + len("\nLabel:")
            for i, (start, end) in enumerate(user.offsets):
                if start >= at and end <= at + 1 + len(label):
                    weights[i] = SHOT_WEIGHT
        ids = [self._id["begin"], self._id["user"], *user.ids, self._id["end"], self._id["assistant"], *reply, self._id["end"]]
        each = max(1.0, answer_weight / (len(reply) + 1))
        return Document(ids, [0.0, 0.0, *weights, 0.0, 0.0, *[each] * (len(reply) + 1)])

    def echoes(self, seed: int) -> Iterator[Document]:
        """Endless rows of random tokens of which a part comes again: only copying predicts it, and only that counts."""
        rng = random.Random(f"echo {seed}")
        size = self._tokenizer.get_vocab_size()
        while True:
            tokens = [rng.randrange(len(self._id) + 2, size) for _ in range(rng.randint(6, 30))]
            ids, weights = [self._id["begin"], *tokens], [0.0] * (len(tokens) + 1)
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(tokens) - 3)
                again = tokens[at : at + rng.randint(4, len(tokens))]
                ids += again
                weights += [0.0] + [ECHO_WEIGHT] * (len(again) - 1)
            yield Document([*ids, self._id["end"]], [*weights, 0.0])

    def example(self, example: general.Example) -> Document:
        prompt = classification_prompt(example.text, example.labels, instruction=example.instruction, examples=example.shots)
        return self.chat(
            prompt,
            example.label,
            shots=[label for _, label in example.shots],
            answer_weight=ANSWER_WEIGHT,
            prompt_weight=0.0,
        )


def frequent_words(texts: Iterable[str], count: int = 6000) -> list[str]:
    """The words of three letters and more that are met most often, lower and upper case apart."""
    found = Counter(word for text in texts for word in re.findall(r"[A-Za-z]{3,}", text))
    return sorted(found, key=lambda word: (-found[word], word))[:count]


def runs(passages: Iterable[Passage], chars: int = 2500) -> list[Passage]:
    """Neighbouring paragraphs of one source joined to about `chars` characters."""
    joined: list[Passage] = []
    for passage in passages:
        last = joined[-1] if joined else None
        if last and last.source == passage.source and len(last.text) + len(passage.text) < chars:
            joined[-1] = Passage(last.source, f"{last.text}\n\n{passage.text}")
        else:
            joined.append(passage)
    return joined


def endless(items: Sequence[Item], seed: int) -> Iterator[Item]:
    """The items in a new order each time round."""
    rng = random.Random(seed)
    while True:
        yield from rng.sample(items, len(items))
