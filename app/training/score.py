"""How likely a model finds each label after a prompt: one pass per batch, all labels behind the prompt under a tree mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn


@dataclass(frozen=True)
class Case:
    """A prompt's token ids and those of each label."""

    prompt: list[int]
    labels: Sequence[list[int]]

    @property
    def label_tokens(self) -> int:
        return sum(map(len, self.labels))

    @property
    def width(self) -> int:
        return len(self.prompt) + self.label_tokens


def label_log_likelihoods(
    model: nn.Module, cases: Sequence[Case], *, end: int, pad: int = 0, batch_tokens: int = 8192
) -> list[Tensor]:
    """For each case a float tensor [labels]: log p(label, end | prompt), natural log. `end` closes each label, so that a
    label which begins another one has no advantage."""
    found: list[Tensor] = [torch.empty(0)] * len(cases)
    with torch.inference_mode():
        for group in like_widths([case.width for case in cases], batch_tokens):
            scores = _score([cases[i] for i in group], model, end, pad)
            for i, score in zip(group, scores, strict=True):
                found[i] = score
    return found


def like_widths(widths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Places of rows of like width, as many as fit the budget once padded."""
    group: list[int] = []
    for i in sorted(range(len(widths)), key=lambda i: widths[i]):
        if group and (len(group) + 1) * widths[i] > batch_tokens:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _score(cases: list[Case], model: nn.Module, end: int, pad: int) -> list[Tensor]:
    device = next(model.parameters()).device
    left = max(len(case.prompt) for case in cases)  # prompts end at this column, labels begin there
    right = max(case.label_tokens for case in cases)
    ids = torch.full((len(cases), left + right), pad)
    positions = torch.zeros_like(ids)
    segment = torch.full_like(ids, -1)  # -1 padding, 0 prompt, k the k-th label
    for row, case in enumerate(cases):
        begin = left - len(case.prompt)
        ids[row, begin:left] = torch.tensor(case.prompt)
        positions[row, begin:left] = torch.arange(len(case.prompt))
        segment[row, begin:left] = 0
        at = left
        for number, label in enumerate(case.labels, 1):
            ids[row, at : at + len(label)] = torch.tensor(label)
            positions[row, at : at + len(label)] = torch.arange(len(case.prompt), len(case.prompt) + len(label))
            segment[row, at : at + len(label)] = number
            at += len(label)
    query, key = segment[:, :, None], segment[:, None, :]
    width = left + right
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    # A token sees the prompt and its own label up to itself; padding sees itself, because a row of no keys has no softmax.
    mask = (causal & (key >= 0) & ((key == 0) | (key == query))) | torch.eye(width, dtype=torch.bool)
    logits = model(
        input_ids=ids.to(device),
        attention_mask=mask[:, None].to(device),
        position_ids=positions.to(device),
        logits_to_keep=right + 1,
        use_cache=False,
    ).logits
    logprobs = logits.float().log_softmax(-1).cpu()  # [cases, 1 + right, vocabulary]; column 0 follows the prompt
    scores = []
    for row, case in enumerate(cases):
        totals, at = [], 1
        for label in case.labels:
            before = [0, *range(at, at + len(label))]
            totals.append(logprobs[row, before, [*label, end]].sum())
            at += len(label)
        scores.append(torch.stack(totals))
    return scores


@dataclass(frozen=True)
class Quality:
    """How well labels are decided: shares of 1 over `cases` cases."""

    accuracy: float
    macro_f1: float
    cases: int


def quality(
    model: nn.Module, cases: Sequence[Case], gold: Sequence[int], *, end: int, pad: int = 0, batch_tokens: int = 8192
) -> Quality:
    """Decide each case by its likeliest label and compare with `gold`, the places of the right labels."""
    return quality_of(label_log_likelihoods(model, cases, end=end, pad=pad, batch_tokens=batch_tokens), gold)


def quality_of(scores: Sequence[Tensor], gold: Sequence[int]) -> Quality:
    """The same from log-likelihoods [labels] of each case."""
    found = [int(score.argmax()) for score in scores]
    right = sum(a == b for a, b in zip(found, gold, strict=True))
    return Quality(right / len(gold), float(f1_score(gold, found, average="macro", zero_division=0)), len(gold))
