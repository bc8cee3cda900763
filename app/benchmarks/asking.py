"""How an arm answers its cases, a model through the service and a baseline here, and how an answer becomes a prediction row.

No answer comes from a cache. Each case, rerun and rewording is computed anew by the engine; what the service keeps is the
beginnings of prompts (the same numbers, sooner), the tokens of labels, and what a question gets for no text (scoring
"calibrated"), none of which depends on an earlier answer.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from app.benchmarks.baselines import Fitted, most_likely
from app.benchmarks.client import Refused, ServiceClient, Timed
from app.benchmarks.consistency import REWORDINGS
from app.benchmarks.runner import BASELINES, Arm, Case, Chunk, How
from app.errors import Conflict, ContextExceeded, DeadlineExceeded, VersusError

TOKENIZING = 8  # texts in flight while their tokens are counted
SHARED_S = 5.0  # seconds that a request of several cases may take: a slow model gets fewer at once
ATTEMPTS = 2  # for a case at which the service or the model's server failed
GIVE_UP = 20  # cases in a row without an answer, after which an arm is not asked any more

TOO_LONG = ContextExceeded.code
GIVEN_UP = "arm_given_up"

Row = dict[str, Any]  # the columns of Prediction but run_id


def wording(text: str, condition: str, seed: int) -> str:
    """The text as it is put under this condition: the same for every arm."""
    kind, _, number = condition.partition("-")
    if kind != "reword":
        return text
    return list(REWORDINGS.values())[int(number) - 1](text, seed)


def call_seed(seed: int, case: int, condition: str) -> int:
    """The seed of one sampled call: another for each case and rerun, the same when a resumed run asks again."""
    return int.from_bytes(hashlib.sha256(f"{seed} {case} {condition}".encode()).digest()[:4]) >> 1


class ModelArm:
    """A model behind the service.

    A case that gets an error has no label: it counts as wrong and says why. After GIVE_UP of them in a row, or when the model
    stays unavailable, the arm is given up: `given_up` tells why, and its other cases get rows without being asked. Prompts
    longer than the context are no sign of that.
    """

    def __init__(
        self, arm: Arm, client: ServiceClient, task: str, labels: Sequence[str], seed: int, *, probabilities: bool = True
    ) -> None:
        self.arm = arm
        self.given_up: str | None = None
        self._client = client
        self._task = task
        # No token is shorter than a character, so this never cuts a label off.
        self._max_tokens = max(len(label) for label in labels) + 4
        self._seed = seed
        self._probabilities = probabilities
        self._failures = 0  # in a row
        self._pace_s: float | None = None  # of a case, in the chunk before

    async def warm(self, text: str) -> None:
        """Loads the model, so that no case pays for it. A model that fails here will tell why at each case."""
        try:
            await self._ask([text], (), "sum" if self.arm.scores else "generate", "base", 0)
        except (Refused, DeadlineExceeded) as error:
            if error.status == 503:
                self.given_up = error.message

    async def answer(
        self, cases: Sequence[Case], chunk: Chunk, examples: Callable[[Case], Sequence[Case]], how: How = "sum"
    ) -> list[Row]:
        """One row per case, in order; `chunk.concurrency` requests are in flight. `examples`: those shown with a case."""
        free = asyncio.Semaphore(chunk.concurrency)
        size = self._texts_per_request(chunk, how)

        async def some(part: Sequence[Case], shown: Sequence[Case]) -> list[Row]:
            async with free:
                return await self._rows(part, chunk.condition, shown, how)

        started = time.perf_counter()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(some(part, shown)) for part, shown in _requests(cases, examples, size)]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        self._pace_s = (time.perf_counter() - started) / len(cases)
        return [row for task in tasks for row in task.result()]

    async def longest(self, texts: Sequence[str], count: int = 3) -> list[str]:
        """The texts that have the most tokens for this model; the longest in characters need not be among them.

        A server that cannot score need not tell tokens either: then it is characters, so look at more of them.
        """
        if not self.arm.scores:
            return sorted(texts, key=len, reverse=True)[: 2 * count]
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
                await self._ask([text], examples, "generate", "rerun-1", 0)
        except Refused as error:
            if error.code == TOO_LONG:
                return False
            raise
        return True

    def _texts_per_request(self, chunk: Chunk, how: How) -> int:
        """More than one only where labels are scored: each generated answer has its own seed."""
        if chunk.texts == 1 or how == "generate" or chunk.condition.startswith("rerun") or self._pace_s is None:
            return 1
        return max(1, min(chunk.texts, int(SHARED_S / self._pace_s / chunk.concurrency)))

    async def _rows(self, cases: Sequence[Case], condition: str, examples: Sequence[Case], how: How) -> list[Row]:
        if len(cases) > 1 and self.given_up is None:
            texts = [wording(case.text, condition, self._seed) for case in cases]
            try:
                answer = await self._ask(texts, examples, how, condition, cases[0].id)
            except (Refused, DeadlineExceeded) as error:
                # One may be too long, or all of them take too long together: each alone.
                if error.status == 503:
                    self.given_up = error.message
            else:
                self._failures = 0
                return [self._answered(case, condition, result) for case, result in zip(cases, answer.body, strict=True)]
        return [await self._row(case, condition, examples, how) for case in cases]

    async def _row(self, case: Case, condition: str, examples: Sequence[Case], how: How) -> Row:
        text = wording(case.text, condition, self._seed)
        for attempt in range(1, ATTEMPTS + 1):
            if self.given_up is not None:
                return row_of(self.arm, case, condition, error=self.given_up, error_code=GIVEN_UP)
            try:
                answer = await self._ask([text], examples, how, condition, case.id)
            except (Refused, DeadlineExceeded) as error:
                if error.status < 500 or error.status == 503 or attempt == ATTEMPTS:
                    return self._failed(case, condition, error)
            else:
                self._failures = 0
                return self._answered(case, condition, answer.body[0], answer.ms)
        raise AssertionError("the last attempt returns")

    def _answered(self, case: Case, condition: str, result: Mapping[str, Any], ms: float | None = None) -> Row:
        return row_of(
            self.arm,
            case,
            condition,
            **{name: result.get(name) for name in _SAID},
            **{name: result["usage"][name] for name in ("prompt_tokens", "completion_tokens")},
            latency_ms=ms,
            queue_ms=result["timing"].get("queue_ms"),
            ttft_ms=result["timing"].get("ttft_ms"),
            engine_ms=result["timing"]["total_ms"],
        )

    def _failed(self, case: Case, condition: str, error: VersusError) -> Row:
        if error.code != TOO_LONG:
            self._failures += 1
            # A 503 was waited out as long as anything is.
            if error.status == 503 or self._failures >= GIVE_UP:
                self.given_up = error.message
        return row_of(self.arm, case, condition, error=error.message, error_code=error.code or f"http_{error.status}")

    async def _ask(self, texts: Sequence[str], examples: Sequence[Case], how: How, condition: str, case: int) -> Timed:
        """The results of all texts, in order. Raises Conflict when another model answers than the run began with."""
        body: dict[str, Any] = {"model": self.arm.model, "input": [*texts], "task": self._task, "priority": "batch"}
        if examples:
            body["examples"] = [{"text": example.text, "label": example.gold} for example in examples]
        rerun = condition.startswith("rerun")
        if rerun or how == "generate":
            body |= {
                "mode": "generate",
                "temperature": 1.0 if rerun else 0.0,
                "seed": call_seed(self._seed, case, condition),
                "max_tokens": self._max_tokens,
            }
        elif how != "sum":
            body["scoring"] = how
        if not self._probabilities and "mode" not in body:
            body["probabilities"] = False
        answer = await self._client.classify(body)
        for result in answer.body:
            if result["digest"] != self.arm.digest:
                raise changed(self.arm, result["digest"])
        return answer


def _requests(
    cases: Sequence[Case], examples: Callable[[Case], Sequence[Case]], size: int
) -> Iterator[tuple[Sequence[Case], Sequence[Case]]]:
    """Up to `size` neighbours that are shown the same examples, and these."""
    for shown, alike in groupby(cases, key=examples):
        part = [*alike]
        yield from ((part[at : at + size], shown) for at in range(0, len(part), size))


def changed(arm: Arm, digest: str | None) -> Conflict:
    """What is said when a model's digest is not the one that its run began with."""
    return Conflict(
        f"{arm.model} is no longer what this run began with (digest {arm.digest} then, {digest} now); start a new run."
    )


class BaselineArm:
    """A classical classifier, fitted here on the training split; the same rows always give the same classifier."""

    note = ""  # nothing is to be said of how it came to be

    def __init__(self, arm: Arm, train: Sequence[Case], validation: Sequence[Case], seed: int) -> None:
        self.arm = arm
        self._seed = seed
        self.baseline = BASELINES[arm.model]()
        held_out = ([case.text for case in validation], [case.gold for case in validation])
        self.baseline.fit([case.text for case in train], [case.gold for case in train], validation=held_out)

    @property
    def fitted(self) -> Fitted:
        return self.baseline

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
                rows.append(row_of(self.arm, case, chunk.condition, label=label, probabilities=one, latency_ms=ms))
        return rows


_SAID = (
    "label",
    "probabilities",
    "label_mass",
    "label_tokens",
    "calibration_temperature",
    "text",
    "bits",
    "prompt_sha256",
    "seed",
)
_ANSWER = (
    *_SAID,
    "prompt_tokens",
    "completion_tokens",
    "latency_ms",
    "queue_ms",
    "ttft_ms",
    "engine_ms",
    "error",
    "error_code",
)


def row_of(arm: Arm, case: Case, condition: str, **known: Any) -> Row:
    """Every column, so that rows of all kinds go into one statement."""
    key = {"arm": arm.name, "case_id": case.id, "condition": condition, "gold": case.gold, "digest": arm.digest}
    return key | dict.fromkeys(_ANSWER) | known
