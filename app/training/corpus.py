"""What the general model reads: prose, instructions and generated examples as streams of weighted tokens."""

import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerFast

from app.catalog.prompts import classification_prompt
from app.domains import general
from app.errors import SetupError

PROMPT_WEIGHT = 0.25  # reading a prompt teaches language; answering it is the point
SHOT_WEIGHT = 2.0  # labels of the examples shown in a prompt are answers too
ANSWER_WEIGHT = 12.0  # a label counts like this many tokens of prose, however few it has
TURN_WEIGHT = 8.0  # the same for a generated answer

Item = TypeVar("Item")


@dataclass(frozen=True)
class Document:
    """Token ids, and what predicting each of them counts for."""

    ids: list[int]
    weights: list[float]


def prose(folder: Path) -> Iterator[str]:
    """Paragraphs of the corpus, files in a fixed order, hard line breaks mended except in verse."""
    files = sorted(folder.rglob("*.txt"))
    if not files:
        raise SetupError(f"{folder} holds no .txt files; point --data at the folder that holds general_corpus")
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        if path.name.startswith("wikipedia"):
            sentences = text.splitlines()
            yield from ("\n".join(sentences[i : i + 8]) for i in range(0, len(sentences), 8))
            continue
        lines = [len(line) for line in text.splitlines() if line.strip()]
        verse = sorted(lines)[len(lines) // 2] < 50
        for paragraph in re.split(r"\n\s*\n", text):
            words = paragraph.strip()
            if words:
                yield words if verse else re.sub(r"\s+", " ", words)


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


def is_held_out(kind: str) -> bool:
    """One kind of classification in eight is never trained on, so that zero-shot can be measured on the unseen."""
    return int(hashlib.sha256(kind.encode()).hexdigest(), 16) % 8 == 0


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

    def chat(self, prompt: str, answer: str, *, shots: Sequence[str] = (), answer_weight: float = 1.0) -> Document:
        """One exchange. `shots` are the labels of the examples shown in the prompt, in their order."""
        user = self._tokenizer.encode(prompt, add_special_tokens=False)
        reply = self.tokens(answer)
        weights = [PROMPT_WEIGHT] * len(user.ids)
        at = 0
        for label in shots:
            at = prompt.index(f"\nLabel: {label}\n", at) + len("\nLabel:")
            for i, (start, end) in enumerate(user.offsets):
                if start >= at and end <= at + 1 + len(label):
                    weights[i] = SHOT_WEIGHT
        ids = [self._id["begin"], self._id["user"], *user.ids, self._id["end"], self._id["assistant"], *reply, self._id["end"]]
        each = max(1.0, answer_weight / (len(reply) + 1))
        return Document(ids, [0.0, 0.0, *weights, 0.0, 0.0, *[each] * (len(reply) + 1)])

    def example(self, example: general.Example) -> Document:
        prompt = classification_prompt(example.text, example.labels, instruction=example.instruction, examples=example.shots)
        return self.chat(prompt, example.label, shots=[label for _, label in example.shots], answer_weight=ANSWER_WEIGHT)


def runs(paragraphs: Iterable[str], chars: int = 2500) -> list[str]:
    """Neighbouring paragraphs joined to about `chars` characters."""
    joined: list[str] = []
    for paragraph in paragraphs:
        if joined and len(joined[-1]) + len(paragraph) < chars:
            joined[-1] += "\n\n" + paragraph
        else:
            joined.append(paragraph)
    return joined


def endless(items: Sequence[Item], seed: int) -> Iterator[Item]:
    """The items in a new order each time round."""
    rng = random.Random(seed)
    while True:
        yield from rng.sample(items, len(items))
