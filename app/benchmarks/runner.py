"""What a run asks of each arm, in which order, and how an answer becomes a prediction row."""

import asyncio
import hashlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args

from app.benchmarks.baselines import Baseline, Majority, TfidfLogistic, most_likely
from app.benchmarks.client import Refused, ServiceClient
from app.benchmarks.consistency import REWORDINGS
from app.errors import Conflict, InvalidRequest
from app.inference.schemas import Scoring

CHUNK = 20  # cases answered, then committed together: what a killed worker may have to ask again
TOKENIZING = 8  # texts in flight while their tokens are counted
SOLO = 50  # test cases that each arm answers one at a time, for latency
SHOTS = (4, 8)  # numbers of examples tried on validation, besides as many as fit

SCORINGS: tuple[Scoring, ...] = get_args(Scoring)

BASELINES: dict[str, Callable[[], Baseline]] = {"majority": Majority, "tfidf-logistic": TfidfLogistic}

Kind = Literal["baseline", "general", "custom"]
Row = dict[str, Any]  # the columns of Prediction but run_id


@dataclass(frozen=True)
class Case:
    """One labelled text; `id` is its position in the dataset."""

    id: int
    text: str
    gold: str


@dataclass(frozen=True)
class Arm:
    """One thing compared. `model` is name@version, or a baseline's name; its digest holds for the whole run."""

    name: str
    kind: Kind
    model: str
    few_shot: bool = False
    version: int | None = None
    digest: str | None = None
    parameters: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Style:
    """How a model is asked; an arm's own is chosen on validation."""

    shots: int = 0
    scoring: Scoring = "sum"

    @property
    def condition(self) -> str:
        return f"validation-{self.shots}-{self.scoring}"

    @classmethod
    def of(cls, condition: str) -> "Style":
        """Of a validation condition; any other tells nothing, and the style is the plain one."""
        kind, _, rest = condition.partition("-")
        shots, _, scoring = rest.partition("-")
        return cls(int(shots), cast("Scoring", scoring)) if kind == "validation" else cls()


@dataclass(frozen=True)
class Chunk:
    """Cases that one arm answers under one condition, committed together.

    Conditions: base, validation-K-S (with K examples and scoring S), rerun-1.. (sampled anew), reword-1.. (in the order of
    REWORDINGS).
    """

    arm: str
    condition: str
    cases: tuple[int, ...]
    concurrency: int


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
    if arm.kind == "custom":
        return [Style()]
    shots = sorted({shots for shots in (*SHOTS, fitting) if 0 < shots <= fitting}) if arm.few_shot else [0]
    return [Style(count, scoring) for count in shots for scoring in SCORINGS]


def plan_validation(arm: Arm, cases: Sequence[int], styles: Sequence[Style], concurrency: int) -> list[Chunk]:
    """The validation cases once per style."""
    return [chunk for style in styles for chunk in _chunks(arm, style.condition, cases, concurrency)]


def plan_test(arm: Arm, cases: Sequence[int], *, repeated: int, repeats: int, rewordings: int, concurrency: int) -> list[Chunk]:
    """The first cases one at a time for latency, the others together for throughput; then the first `repeated` again."""
    alone = timed_alone(len(cases), concurrency)
    again = cases[:repeated]
    conditions = [f"rerun-{n}" for n in range(1, repeats + 1)] + [f"reword-{n}" for n in range(1, rewordings + 1)]
    return [
        *_chunks(arm, "base", cases[:alone], 1),
        *_chunks(arm, "base", cases[alone:], concurrency),
        *(chunk for condition in conditions for chunk in _chunks(arm, condition, again, concurrency)),
    ]


def timed_alone(test: int, concurrency: int) -> int:
    """How many of the first test cases are asked one at a time; all of them when every request is alone anyway."""
    return test if concurrency == 1 else min(SOLO, test // 2)


def _chunks(arm: Arm, condition: str, cases: Sequence[int], concurrency: int) -> list[Chunk]:
    size = -(-CHUNK // concurrency) * concurrency
    return [Chunk(arm.name, condition, tuple(cases[at : at + size]), concurrency) for at in range(0, len(cases), size)]


def wording(text: str, condition: str, seed: int) -> str:
    """The text as it is put under this condition: the same for every arm."""
    kind, _, number = condition.partition("-")
    if kind != "reword":
        return text
    return list(REWORDINGS.values())[int(number) - 1](text, seed)


def call_seed(seed: int, case: int, condition: str) -> int:
    """The seed of one sampled call: another for each case and rerun, the same when a resumed run asks again."""
    return int.from_bytes(hashlib.sha256(f"{seed} {case} {condition}".encode()).digest()[:4]) >> 1


# ---- Answers


class ModelArm:
    """A model behind the service."""

    def __init__(self, arm: Arm, client: ServiceClient, task: str, labels: Sequence[str], seed: int) -> None:
        self.arm = arm
        self._client = client
        self._task = task
        # No token is shorter than a character, so this never cuts a label off.
        self._max_tokens = max(len(label) for label in labels) + 4
        self._seed = seed

    async def warm(self, text: str) -> None:
        """Loads the model, so that no case pays for it."""
        await self._ask(text, (), "sum", "base", 0)

    async def answer(
        self, cases: Sequence[Case], chunk: Chunk, examples: Sequence[Case], scoring: Scoring = "sum"
    ) -> list[Row]:
        """One row per case, in order; each is a request of its own, `chunk.concurrency` of them in flight."""
        free = asyncio.Semaphore(chunk.concurrency)

        async def one(case: Case) -> Row:
            async with free:
                return await self._row(case, chunk.condition, examples, scoring)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(case)) for case in cases]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return [task.result() for task in tasks]

    async def longest(self, texts: Sequence[str], count: int = 3) -> list[str]:
        """The texts that have the most tokens for this model; the longest in characters need not be among them."""
        free = asyncio.Semaphore(TOKENIZING)

        async def tokens(text: str) -> int:
            async with free:
                return int((await self._client.post("/tokenize", {"model": self.arm.model, "prompt": text}))["count"])

        sizes = await asyncio.gather(*map(tokens, texts))
        return [texts[place] for place in sorted(range(len(texts)), key=lambda place: -sizes[place])[:count]]

    async def fits(self, texts: Iterable[str], examples: Sequence[Case]) -> bool:
        """Whether the longest prompts, with these examples and room for an answer, are within the model's context."""
        try:
            for text in texts:
                await self._ask(text, examples, "sum", "rerun-1", 0)
        except Refused as error:
            if error.code == "context_length_exceeded":
                return False
            raise
        return True

    async def _row(self, case: Case, condition: str, examples: Sequence[Case], scoring: Scoring) -> Row:
        row: Row = {"arm": self.arm.name, "case_id": case.id, "condition": condition, "gold": case.gold}
        try:
            answer = await self._ask(wording(case.text, condition, self._seed), examples, scoring, condition, case.id)
        except Refused as error:
            # A case too long for this model is its wrong answer; anything else would say nothing about the model.
            if error.code != "context_length_exceeded":
                raise
            return _filled(row, digest=self.arm.digest, error=error.message)
        result = answer.body
        return _filled(
            row,
            label=result["label"],
            probabilities=result["probabilities"],
            label_mass=result["label_mass"],
            text=result.get("text"),
            prompt_tokens=result["usage"]["prompt_tokens"],
            completion_tokens=result["usage"]["completion_tokens"],
            latency_ms=answer.ms,
            digest=result["digest"],
        )

    async def _ask(self, text: str, examples: Sequence[Case], scoring: Scoring, condition: str, case: int) -> Any:
        body: dict[str, Any] = {"model": self.arm.model, "input": text, "task": self._task, "priority": "batch"}
        if examples:
            body["examples"] = [{"text": example.text, "label": example.gold} for example in examples]
        if condition.startswith("rerun"):
            body |= {
                "mode": "generate",
                "temperature": 1.0,
                "seed": call_seed(self._seed, case, condition),
                "max_tokens": self._max_tokens,
            }
        elif scoring != "sum":
            body["scoring"] = scoring
        answer = await self._client.classify(body)
        if answer.body["digest"] != self.arm.digest:
            raise Conflict(
                f"{self.arm.model} is no longer what this run began with (digest {self.arm.digest} then, "
                f"{answer.body['digest']} now); start a new run."
            )
        return answer


class BaselineArm:
    """A classical classifier, fitted here on the training split; the same rows always give the same classifier."""

    def __init__(self, arm: Arm, train: Sequence[Case], validation: Sequence[Case], seed: int) -> None:
        self.arm = arm
        self._seed = seed
        self.baseline = BASELINES[arm.model]()
        held_out = ([case.text for case in validation], [case.gold for case in validation])
        self.baseline.fit([case.text for case in train], [case.gold for case in train], validation=held_out)

    def answer(self, cases: Sequence[Case], chunk: Chunk) -> list[Row]:
        """One row per case; alone one by one, otherwise all in one call."""
        texts = [wording(case.text, chunk.condition, self._seed) for case in cases]
        step = 1 if chunk.concurrency == 1 else len(texts)
        rows = []
        for at in range(0, len(texts), step):
            started = time.perf_counter()
            probabilities = self.baseline.predict_proba(texts[at : at + step])
            ms = 1000 * (time.perf_counter() - started)
            for case, one, label in zip(cases[at : at + step], probabilities, most_likely(probabilities), strict=True):
                row: Row = {"arm": self.arm.name, "case_id": case.id, "condition": chunk.condition, "gold": case.gold}
                rows.append(_filled(row, label=label, probabilities=one, latency_ms=ms))
        return rows


_ANSWER = (
    "label",
    "probabilities",
    "label_mass",
    "text",
    "prompt_tokens",
    "completion_tokens",
    "latency_ms",
    "digest",
    "error",
)


def _filled(row: Row, **known: Any) -> Row:
    return row | dict.fromkeys([*_ANSWER, "error"]) | known


# ---- Arms of a request


def as_config(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    return [asdict(arm) for arm in arms]


def from_config(config: Mapping[str, Any]) -> list[Arm]:
    return [Arm(**arm) for arm in config["arms"]]


def few_shot_arm(arm: Arm) -> Arm:
    """The same model, shown examples from the training split."""
    return replace(arm, name=f"{arm.name} few-shot", few_shot=True)


def check_splits(counts: Mapping[str, Mapping[str, int]], dataset: str) -> None:
    """Raises InvalidRequest unless the dataset has rows to learn from, to choose on and to test on."""
    for split in ("train", "validation", "test"):
        if not sum(counts.get(split, {}).values()):
            raise InvalidRequest(f"Dataset {dataset!r} has no {split} rows; upload it with a split that leaves some.")
