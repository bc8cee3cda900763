"""What a report tells beside the numbers of a run: its data, models, decisions, cases to look at, and a learning curve."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN_TEXT = 700  # characters of a case's text


@dataclass(frozen=True)
class Case:
    """A test case that exactly one of the two arms of the verdict got right. An answer of None was none of the labels."""

    id: int
    text: str
    gold: str
    custom: str | None
    general: str | None


@dataclass(frozen=True)
class Cases:
    """Cases to look at: a seeded sample of those that the custom arm fixed and of those that it broke."""

    fixed: Sequence[Case] = ()  # custom right, general wrong
    broken: Sequence[Case] = ()  # custom wrong, general right
    all_fixed: int = 0
    all_broken: int = 0


@dataclass(frozen=True)
class Facts:
    """All of it is optional: a report leaves out what is not known, or says that it is not.

    run: id, created_at, updated_at, config. dataset: name, version, sha256, source, split, rows, counts, notes, report.
    models: arm -> what its card tells. curve: summary of a learning curve. aliases: decisions on what a name stands for, oldest
    first; None where they cannot be read. verdicts: asked for later on this run, oldest first, each with created_at, decision,
    sentence.
    """

    run: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cases: Cases = Cases()
    curve: Mapping[str, Any] | None = None
    aliases: Sequence[Mapping[str, Any]] | None = ()
    verdicts: Sequence[Mapping[str, Any]] = ()


Answer = tuple[str, str | None]  # gold, answered
Turns = tuple[list[int], list[int]]


def turned(custom: Mapping[int, Answer], general: Mapping[int, Answer]) -> Turns:
    """Cases that only the custom arm got right, and those that only the general arm did, by their id."""
    fixed: list[int] = []
    broken: list[int] = []
    for case in sorted(custom.keys() & general.keys()):
        gold = custom[case][0]
        right, other = custom[case][1] == gold, general[case][1] == gold
        if right != other:
            (fixed if right else broken).append(case)
    return fixed, broken


def sample(cases: Sequence[int], most: int, seed: int) -> list[int]:
    """At most `most` of them, drawn and not picked, in their order."""
    return sorted(random.Random(f"cases to look at\0{seed}").sample(cases, min(most, len(cases))))


def cases_of(
    turns: Turns,
    shown: Iterable[int],
    custom: Mapping[int, Answer],
    general: Mapping[int, Answer],
    texts: Mapping[int, str],
) -> Cases:
    """`shown`: ids of both kinds, with their `texts`."""
    fixed, broken = turns
    cases = [
        Case(case, cut(texts[case]), custom[case][0], custom[case][1], general[case][1]) for case in shown if case in texts
    ]
    return Cases(
        fixed=[case for case in cases if case.custom == case.gold],
        broken=[case for case in cases if case.custom != case.gold],
        all_fixed=len(fixed),
        all_broken=len(broken),
    )


def cut(text: str) -> str:
    """The beginning of a long text, at a word."""
    text = text.strip()
    if len(text) <= SHOWN_TEXT:
        return text
    return text[:SHOWN_TEXT].rsplit(None, 1)[0] + " ..."
