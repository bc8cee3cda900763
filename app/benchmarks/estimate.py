"""What a run would take, before anything runs: calls and tokens counted, time and money estimated, for each model arm."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.benchmarks import runner
from app.benchmarks.asking import TOO_LONG
from app.benchmarks.definition import Examples, Task
from app.benchmarks.examples import choice_of
from app.benchmarks.runner import Arm, Case, Style
from app.benchmarks.schemas import ArmEstimateOut, RangeOut, RunEstimateOut
from app.benchmarks.scored.estimating import timed
from app.benchmarks.scored.fields import of_rows
from app.benchmarks.scored.scales import scale_of
from app.benchmarks.scored.wording import Wording
from app.catalog.catalog import ModelVersion
from app.errors import VersusError
from app.inference.classify import classify
from app.inference.schemas import ClassifyIn
from app.inference.serving import Serving

SAMPLE = 4  # test cases that each arm answers, with the fewest examples and with the most


@dataclass(frozen=True)
class Taken:
    """By one case on average: tokens, and seconds where it is asked alone and where it is asked together with others."""

    prompt_tokens: float
    answer_tokens: float
    alone_s: float
    together_s: float


async def estimate(
    config: Mapping[str, Any], task: str, arms: Sequence[Arm], rows: Sequence[tuple[int, str, str, str]], serving: Serving
) -> RunEstimateOut:
    """`config` is that of the run, `arms` its models, `rows` all of its dataset: (position, split, text, label)."""
    splits = {name: [Case(at, text, label) for at, split, text, label in rows if split == name] for name in runner.SPLITS}
    seed = config["seed"]
    test = runner.sample(splits["test"], config["limit"], seed)
    validation = runner.sample(splits["validation"], config["validation_cases"], seed)
    settings, most = Examples.model_validate(config["examples"]), config["most_examples"]
    choice = await asyncio.to_thread(choice_of, settings, splits["train"], config["labels"], most=most, seed=seed)
    examples = choice.longest(most)
    asking = Asking(task, [case.text for case in test[:SAMPLE]], examples, serving, _wording(config, splits["train"]))

    # 1. The ways to ask each arm, as the run will try them.
    shown = {arm.name: await asking.fitting(arm) if arm.few_shot else 0 for arm in arms}
    styles = {arm.name: runner.styles_to_try(arm, shown[arm.name]) for arm in arms}
    left_out = [f"{name} will be left out: not one example fits into its context." for name in styles if not styles[name]]
    arms = [arm for arm in arms if styles[arm.name]]
    choosing = runner.to_choose(arms)

    # 2. What each takes.
    told = [
        await _arm(asking, arm, styles[arm.name], len(test), len(validation) if arm.name in choosing else 0, config)
        for arm in arms
    ]
    seconds = [one.seconds for one in told]
    known = [one for one in seconds if one is not None]
    return RunEstimateOut(
        task=task,
        dataset=f"{config['dataset']['name']}, version {config['dataset']['version']}",
        test_cases=len(test),
        validation_cases=len(validation),
        sampled=len(test[:SAMPLE]),
        arms=told,
        calls=sum(one.calls for one in told),
        seconds=_range([sum(one.low for one in known), sum(one.high for one in known)]) if len(known) == len(seconds) else None,
        notes=[
            f"Times are estimates from {len(test[:SAMPLE])} cases on the machine as busy as it is now; baselines, HTTP and "
            "statistics come on top.",
            *left_out,
        ],
    )


class Asking:
    """Puts sampled cases to arms, as the run would; what they answer is logged like every answer."""

    def __init__(
        self, task: str, texts: Sequence[str], examples: Sequence[Case], serving: Serving, wording: Wording | None
    ) -> None:
        """wording: of a kind without labels."""
        self._task, self._texts, self._examples, self._serving, self._wording = task, texts, examples, serving, wording

    def version(self, arm: Arm) -> ModelVersion:
        return self._serving.catalog.find(arm.model)

    async def fitting(self, arm: Arm) -> int:
        """Examples that fit with the sampled cases: all, or the first half of them that does. A model that cannot be asked
        gets as many as the run would then show it."""
        shots = len(self._examples)
        while shots:
            try:
                await self._timed(arm, shots, self._texts)
                break
            except VersusError as error:
                if error.code != TOO_LONG:
                    return min(runner.SHOTS[0], shots)
                shots //= 2
        return shots

    async def warm(self, arm: Arm) -> None:
        """Raises VersusError where the model does not answer."""
        await self._timed(arm, 0, self._texts[:1])

    async def taken(self, arm: Arm, shots: int, *, generate: bool) -> Taken:
        """Raises VersusError where the model does not answer."""
        each = [await self._timed(arm, shots, [text], generate=generate) for text in self._texts[: SAMPLE // 2]]
        usages, together_s = await self._timed(arm, shots, self._texts, generate=generate)
        return Taken(
            prompt_tokens=sum(prompt for prompt, _ in usages) / len(usages),
            answer_tokens=sum(answer for _, answer in usages) / len(usages),
            alone_s=sum(seconds for _, seconds in each) / len(each),
            together_s=together_s / len(self._texts),
        )

    async def _timed(
        self, arm: Arm, shots: int, texts: Sequence[str], *, generate: bool = False
    ) -> tuple[list[tuple[int, int]], float]:
        """(prompt tokens, answer tokens) of each text, and the seconds of all."""
        if self._wording is not None:
            known = self.version(arm).card.task(self._wording.task.name)
            wording = replace(self._wording, trained=known.prompt if known else None)
            return await timed(arm, wording, self._examples[:shots], texts, self._serving, rerun=generate)
        body: dict[str, Any] = {"model": arm.model, "input": [*texts], "task": self._task, "priority": "batch"}
        if shots:
            body["examples"] = [{"text": case.text, "label": case.gold} for case in self._examples[:shots]]
        if generate or not arm.scores:
            body |= {"mode": "generate", "temperature": 1.0, "seed": 0}
        started = time.perf_counter()
        answer = await classify(ClassifyIn.model_validate(body), self._serving)
        seconds = time.perf_counter() - started
        return [(one.usage.prompt_tokens, one.usage.completion_tokens) for one in answer.results], seconds


def _wording(config: Mapping[str, Any], train: Sequence[Case]) -> Wording | None:
    """None where answers are labels."""
    task = Task.model_validate(config["task"]["definition"])
    if scale_of(task.kind) is None:
        return None
    golds = [case.gold for case in train]
    fields = of_rows(task, golds)
    return Wording(task.model_copy(update={"fields": fields.names}), fields, max(map(len, golds)))


async def _arm(
    asking: Asking, arm: Arm, styles: Sequence[Style], test: int, validation: int, config: Mapping[str, Any]
) -> ArmEstimateOut:
    # 1. Answers: those that choose, the test's first cases alone, the others together, and the first ones again.
    again = min(config["consistency_cases"], test)
    alone = runner.timed_alone(test, config["concurrency"])
    reruns = again * config["repeats"]
    calls = len(styles) * validation + test + reruns + again * config["rewordings"]
    unknown = ArmEstimateOut(
        arm=arm.name,
        model=arm.model,
        calls=calls,
        prompt_tokens=None,
        answer_tokens=None,
        seconds=None,
        money=None,
        currency=None,
        notes=[],
    )

    # 2. What one takes, with each number of examples.
    fewest, most = (end(style.shots for style in styles) for end in (min, max))
    numbers = sorted({fewest, most})
    try:
        await asking.warm(arm)
        asked = {shots: await asking.taken(arm, shots, generate=False) for shots in numbers}
        sampled = {shots: await asking.taken(arm, shots, generate=True) for shots in numbers} if reruns else asked
    except VersusError as error:
        return unknown.model_copy(update={"notes": [f"It does not answer: {error.message}"]})

    # 3. Validation is asked in every style (numbers of examples in between count as the most), the test in one of them.
    prompt, answer, seconds = [], [], []
    for shots in numbers:
        one, rerun = asked[shots], sampled[shots]
        others = test - alone + again * config["rewordings"]
        prompt.append((alone + others) * one.prompt_tokens + reruns * rerun.prompt_tokens)
        answer.append((alone + others) * one.answer_tokens + reruns * rerun.answer_tokens)
        seconds.append(alone * one.alone_s + others * one.together_s + reruns * rerun.together_s)
    choosing = [asked[fewest if style.shots == fewest else most] for style in styles]
    tokens = _range(prompt, more=validation * sum(one.prompt_tokens for one in choosing))
    said = _range(answer, more=validation * sum(one.answer_tokens for one in choosing))
    time_taken = _range(seconds, more=validation * sum(one.together_s for one in choosing))
    known = unknown.model_copy(update={"seconds": time_taken})
    if not tokens.low:
        return known.model_copy(update={"notes": ["Its server tells no token counts, so there is no price to work out."]})
    known = known.model_copy(update={"prompt_tokens": tokens, "answer_tokens": said})
    return known.model_copy(update=_money(asking.version(arm), arm, known, len(config["labels"])))


def _money(version: ModelVersion, arm: Arm, known: ArmEstimateOut, labels: int) -> dict[str, Any]:
    """By the card's prices; a server that scores by echo reads the prompt once for each label."""
    price = version.card.price
    if not (price.input_per_million or price.output_per_million or price.per_hour):
        why = "No money: its card names no price ([price] input_per_million, output_per_million or per_hour)."
        return {"notes": [*known.notes, why]}
    echoed = version.card.engine == "remote" and arm.scores
    times = labels if echoed else 1

    def at(end: str) -> float:
        tokens, said, seconds = (getattr(one, end) for one in (known.prompt_tokens, known.answer_tokens, known.seconds))
        per_token = times * tokens * price.input_per_million + said * price.output_per_million
        return float(per_token / 1e6 + seconds / 3600 * price.per_hour)

    notes = [f"Its server scores by echo: each prompt is paid for {labels} times, once for each label."] if echoed else []
    return {"money": _range([at("low"), at("high")]), "currency": price.currency, "notes": [*known.notes, *notes]}


def _range(values: Sequence[float], more: float = 0.0) -> RangeOut:
    return RangeOut(low=min(values) + more, high=max(values) + more)
