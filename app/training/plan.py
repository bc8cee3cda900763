"""Encoded rows to batches that hold little padding, all of them fixed before the first step."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch

from app.training.batch import Batch


@dataclass(frozen=True)
class Encoded:
    """One row as the model sees it: the prompt up to where the answer begins, then the answer and the end of turn."""

    prompt: list[int]
    answer: list[int]
    label: int = -1  # its place among the task's labels; -1 where answers are no labels
    weight: float = 1.0  # what each token of the answer counts for
    answer_bytes: int = 0  # of the answer's text, without the end

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Plan:
    """Every batch of a training, fixed before its first step: rows of like length together, batches in random order."""

    def __init__(
        self, rows: Sequence[Encoded], *, epochs: float, batch_tokens: int, prompt_weight: float, pad: int, seed: int
    ) -> None:
        self._rows, self._prompt_weight, self._pad = rows, prompt_weight, pad
        self._groups: list[list[int]] = []
        rng = random.Random(seed)
        while epochs > 0:
            groups = self._epoch(batch_tokens, rng)
            self._groups += groups[: ceil(len(groups) * min(1.0, epochs))]
            epochs -= 1

    def _epoch(self, batch_tokens: int, rng: random.Random) -> list[list[int]]:
        # The jitter lets neighbours in length change from epoch to epoch.
        order = sorted(range(len(self._rows)), key=lambda i: len(self._rows[i]) * rng.uniform(0.95, 1.05))
        groups: list[list[int]] = []
        longest = 0
        for i in order:
            longest = max(longest, len(self._rows[i]))
            if not groups or (len(groups[-1]) + 1) * longest > batch_tokens:
                groups.append([])
                longest = len(self._rows[i])
            groups[-1].append(i)
        rng.shuffle(groups)
        return groups

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Batch:
        rows = [self._rows[i] for i in self._groups[index]]
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self._pad)
        weights = torch.zeros(len(rows), width)
        for i, row in enumerate(rows):
            prompt, whole = len(row.prompt), len(row)
            ids[i, :whole] = torch.tensor(row.prompt + row.answer)
            weights[i, :prompt] = self._prompt_weight
            weights[i, prompt:whole] = row.weight
        return Batch(ids, weights)

    @property
    def padding(self) -> float:
        """Share of all tokens that is padding."""
        widths = [(len(group), [len(self._rows[i]) for i in group]) for group in self._groups]
        total = sum(count * max(lengths) for count, lengths in widths)
        return 1 - sum(sum(lengths) for _, lengths in widths) / total

    @property
    def tokens(self) -> int:
        """Of all steps, repeats counted, padding not."""
        return sum(len(self._rows[i]) for group in self._groups for i in group)
