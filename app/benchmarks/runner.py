"""What a run asks of each arm, and in which order (how it is asked and answered: app.benchmarks.asking)."""

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args

from app.benchmarks.baselines import Baseline, Majority, TfidfLogistic
from app.errors import Unprocessable
from app.inference.schemas import Scoring

CHUNK = 20  # cases answered, then committed together: what a killed worker may have to ask again
SOLO = 50  # test cases that each arm answers one at a time, for latency
SHOTS = (4, 8)  # numbers of examples tried on validation, besides as many as fit

How = Literal[Scoring, "generate"]  # labels are scored in one of three ways, or an answer is generated and read

SCORINGS: tuple[Scoring, ...] = get_args(Scoring)
HOWS: tuple[How, ...] = (*SCORINGS, "generate")

BASELINES: dict[str, Callable[[], Baseline]] = {"majority": Majority, "tfidf-logistic": TfidfLogistic}

Kind = Literal["baseline", "general", "custom"]
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Case:
    """One labelled text; `id` is its position in the dataset."""

    id: int
    text: str
    gold: str


@dataclass(frozen=True)
class Arm:
    """One thing compared. `model` is name@version, or a baseline's name; its digest holds for the whole run.

    An engine that cannot tell how likely a label is (not `scores`) generates an answer, which is read as a label or as none.
    """

    name: str
    kind: Kind
    model: str
    few_shot: bool = False
    version: int | None = None
    digest: str | None = None
    parameters: int | None = None
    bytes: int | None = None
    scores: bool = True
    grammar: bool = False  # whether its engine can hold an answer to a JSON schema
    refitted: bool = False  # whether it has learned the validation rows of the run's dataset: nothing is chosen on them for it


@dataclass(frozen=True)
class Style:
    """How a model is asked; an arm's own is chosen on validation."""

    shots: int = 0
    how: How = "sum"

    @property
    def condition(self) -> str:
        return f"validation-{self.shots}-{self.how}"

    @classmethod
    def of(cls, condition: str) -> "Style":
        """Of a validation condition; any other tells nothing, and the style is the plain one."""
        kind, _, rest = condition.partition("-")
        shots, _, how = rest.partition("-")
        return cls(int(shots), cast("How", how)) if kind == "validation" else cls()


@dataclass(frozen=True)
class Chunk:
    """Cases that one arm answers under one condition, committed together: `concurrency` requests in flight, each of at most
    `texts` cases.

    Conditions: base, validation-K-S (with K examples and scoring S), rerun-1.. (sampled anew), reword-1.. (in the order of
    REWORDINGS).
    """

    arm: str
    condition: str
    cases: tuple[int, ...]
    concurrency: int
    texts: int = 1


# ---- Which cases, which examples, which order


def sample(cases: Sequence[Case], limit: int | None, seed: int) -> list[Case]:
    """`limit` cases (all without one) in a seeded random order, each label in its share: any first N are a fair sample."""
    draws = random.Random(f"cases {seed}")
    by_label: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda one: one.id):
        by_label[case.gold].append(case)
    placed = []
    for label in sorted(by_label):
        members = by_label[label]
        draws.shuffle(members)
        # Evenly spread over (0, 1): every prefix holds each label in proportion.
        placed += [((rank + draws.random()) / len(members), case.id, case) for rank, case in enumerate(members)]
    return [case for _, _, case in sorted(placed)][: limit or None]


def pick_examples(train: Sequence[Case], labels: Sequence[str], most: int, seed: int) -> list[Case]:
    """Up to `most` training cases, one per label in turn, so that any first K are as even over the labels as K allows."""
    draws = random.Random(f"examples {seed}")
    by_label: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(train, key=lambda one: one.id):
        by_label[case.gold].append(case)
    order = [label for label in labels if label in by_label]
    draws.shuffle(order)
    for members in by_label.values():
        draws.shuffle(members)
    picked: list[Case] = []
    while len(picked) < most and any(by_label[label] for label in order):
        picked += [by_label[label].pop() for label in order if by_label[label]]
    return picked[:most]


def styles_to_try(arm: Arm, fitting: int = 0) -> list[Style]:
    """What is compared on validation, the plainest first: ways of scoring, and numbers of examples of which `fitting` fit the
    context. A custom model is asked as it was trained; a general one gets the way that suits it."""
    hows: tuple[How, ...] = SCORINGS if arm.scores else ("generate",)
    if arm.kind == "custom":
        return [Style(0, hows[0])]
    shots = sorted({shots for shots in (*SHOTS, fitting) if 0 < shots <= fitting}) if arm.few_shot else [0]
    return [Style(count, how) for count in shots for how in hows]


def to_choose(arms: Sequence[Arm]) -> list[str]:
    """Names of the arms that answer validation: on it ways to ask, models of one kind and a cascade's threshold are chosen;
    not those that have learned it."""
    return [arm.name for arm in arms if arm.kind != "baseline" and not arm.refitted]


def plan_validation(arm: Arm, cases: Sequence[int], styles: Sequence[Style], concurrency: int, texts: int = 1) -> list[Chunk]:
    """The validation cases once per style."""
    return [chunk for style in styles for chunk in _chunks(arm, style.condition, cases, concurrency, texts)]


def plan_test(
    arm: Arm,
    cases: Sequence[int],
    *,
    repeated: int,
    repeats: int,
    rewordings: int,
    concurrency: int,
    texts: int = 1,
) -> list[Chunk]:
    """The first cases one at a time for latency, the others together for throughput; then the first `repeated` again.

    Only reruns are always requests of their own: each has its seed.
    """
    alone = timed_alone(len(cases), concurrency)
    again = cases[:repeated]
    reruns, rewords = (
        [f"{kind}-{n}" for n in range(1, count + 1)] for kind, count in (("rerun", repeats), ("reword", rewordings))
    )
    return [
        *_chunks(arm, "base", cases[:alone], 1),
        *_chunks(arm, "base", cases[alone:], concurrency, texts),
        *(chunk for condition in reruns for chunk in _chunks(arm, condition, again, concurrency)),
        *(chunk for condition in rewords for chunk in _chunks(arm, condition, again, concurrency, texts)),
    ]


def timed_alone(test: int, concurrency: int) -> int:
    """How many of the first test cases are asked one at a time; all of them when every request is alone anyway."""
    return test if concurrency == 1 else min(SOLO, test // 2)


def _chunks(arm: Arm, condition: str, cases: Sequence[int], concurrency: int, texts: int = 1) -> list[Chunk]:
    at_once = concurrency * texts
    size = -(-CHUNK // at_once) * at_once
    return [Chunk(arm.name, condition, tuple(cases[at : at + size]), concurrency, texts) for at in range(0, len(cases), size)]


# ---- Arms of a request


def as_config(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    return [asdict(arm) for arm in arms]


def from_config(config: Mapping[str, Any]) -> list[Arm]:
    return [Arm(**arm) for arm in config["arms"]]


def few_shot_arm(arm: Arm) -> Arm:
    """The same model, shown examples from the training split."""
    return replace(arm, name=f"{arm.name} few-shot", few_shot=True)


def check_splits(sizes: Mapping[str, int], dataset: str) -> None:
    """Raises Unprocessable unless the dataset has rows to learn from, to choose on and to test on."""
    for split in SPLITS:
        if not sizes.get(split):
            raise Unprocessable(f"Dataset {dataset!r} has no {split} rows; upload it with a split that leaves some.")


# ---- What a run began with


def fingerprint(cases: Mapping[str, Sequence[Case]], labels: Sequence[str]) -> str:
    """SHA-256 over the labels and the cases of every split, in order."""
    rows = {split: [[case.id, case.text, case.gold] for case in cases[split]] for split in sorted(cases)}
    return hashlib.sha256(json.dumps([list(labels), rows]).encode()).hexdigest()
