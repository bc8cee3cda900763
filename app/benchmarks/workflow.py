"""A benchmark run as a durable workflow: killed anywhere and started again, it ends with the same predictions."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbos import DBOS

from app.benchmarks import results, runner, store
from app.benchmarks.client import ServiceClient
from app.benchmarks.consistency import REWORDINGS
from app.benchmarks.runner import Arm, BaselineArm, Case, Chunk, ModelArm, Style
from app.benchmarks.summary import build_summary
from app.database.session import DatabaseError, transaction
from app.errors import VersusError
from app.jobs.context import current
from app.jobs.names import BENCHMARK_WORKFLOW


class Stopped(Exception):
    """The run is over already: it was cancelled."""


@dataclass
class Bench:
    """What a run works with in this process. All of it comes from rows that never change, so a resumed run has the same."""

    run_id: str
    task: str
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    arms: dict[str, Arm]
    cases: dict[int, Case]  # validation and test
    train: list[Case]
    validation: list[Case]
    test: list[Case]
    client: ServiceClient
    models: dict[str, ModelArm] = field(default_factory=dict)
    baselines: dict[str, BaselineArm] = field(default_factory=dict)
    examples: dict[str, list[Case]] = field(default_factory=dict)  # few-shot arm -> all that may be shown, in order
    todo: list[Chunk] = field(default_factory=list)  # after the one in hand
    pace: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))  # arm -> answers, seconds


_open: dict[str, Bench] = {}  # by run id; one worker runs one at a time


@DBOS.workflow(name=BENCHMARK_WORKFLOW)
async def benchmark_run(run_id: str) -> None:
    """Ends with the run succeeded, failed with a sentence, or cancelled."""
    try:
        async with ServiceClient(current().settings.api) as client:
            _open[run_id] = await _bench(run_id, client)
            await _run(_open[run_id])
    except Stopped:
        return
    except VersusError as error:
        await _set_status(run_id, "failed", error=error.message)
    except Exception as error:
        await _set_status(run_id, "failed", error=f"Unexpected: {type(error).__name__}: {error}. The worker's log has more.")
        raise
    finally:
        _open.pop(run_id, None)


async def _run(bench: Bench) -> None:
    if not await _set_status(bench.run_id, "running"):
        raise Stopped
    config, concurrency = bench.config, bench.config["concurrency"]
    validation = [case.id for case in bench.validation]
    test = [case.id for case in bench.test]

    # 1. The ways to ask each model. An arm that can be shown no example is its zero-shot arm again.
    styles = {
        arm.name: runner.styles_to_try(arm, await fitting_examples(bench.run_id, arm.name) if arm.few_shot else 0)
        for arm in bench.arms.values()
        if arm.kind != "baseline"
    }
    arms = [arm for arm in bench.arms.values() if arm.kind == "baseline" or styles[arm.name]]

    # 2. The plan, so that progress knows its end. Ways to ask, arms of one kind, and a cascade's threshold are chosen on
    # validation, so every model is asked there.
    choosing = {
        arm.name: runner.plan_validation(arm, validation, styles[arm.name], concurrency)
        for arm in arms
        if arm.kind != "baseline"
    }
    testing = {
        arm.name: runner.plan_test(
            arm,
            test,
            repeated=config["consistency_cases"],
            repeats=config["repeats"],
            rewordings=config["rewordings"],
            concurrency=concurrency,
        )
        for arm in arms
    }
    bench.todo = [chunk for arm in arms for chunk in (*choosing.get(arm.name, []), *testing[arm.name])]

    # 3. Arm by arm: validation, the style it chooses, then the test.
    chosen: dict[str, Style] = {}
    validated: dict[str, float] = {}
    throughput: dict[str, list[tuple[int, float]]] = {}
    for arm in arms:
        for chunk in choosing.get(arm.name, []):
            await _answer(bench, chunk, Style.of(chunk.condition))
        if arm.name in choosing:
            validated[arm.name], chosen[arm.name] = await choose(bench.run_id, arm.name)
        style = chosen.get(arm.name, Style())
        measured = [await _answer(bench, chunk, style) for chunk in testing[arm.name]]
        throughput[arm.name] = [
            done
            for chunk, done in zip(testing[arm.name], measured, strict=True)
            if chunk.condition == "base" and chunk.concurrency == concurrency
        ]

    # 4. The table and the verdict.
    notes = {
        name: results.style_note(style, len(styles[name]), len(validation), config["seed"])
        for name, style in chosen.items()
        if len(styles[name]) > 1
    }
    await summarise(bench.run_id, notes, validated, throughput)


async def _answer(bench: Bench, chunk: Chunk, style: Style) -> tuple[int, float]:
    bench.todo.remove(chunk)
    return await answer_chunk(bench.run_id, chunk, style)


# ---- Steps: each is written down when done, and skipped when a resumed run comes by again


def _database_lost(error: BaseException) -> bool:
    return isinstance(error, DatabaseError)


step = DBOS.step(retries_allowed=True, max_attempts=6, should_retry=_database_lost)


@step
async def fitting_examples(run_id: str, arm: str) -> int:
    """The most examples with which even the longest cases, and the longest reworded ones, fit into the context."""
    bench = _open[run_id]
    model, examples = bench.models[arm], bench.examples[arm]
    repeated = bench.test[: bench.config["consistency_cases"]]
    reworded = [reword(case.text, bench.config["seed"]) for case in repeated for reword in REWORDINGS.values()]
    texts = [
        *await model.longest([case.text for case in (*bench.validation, *bench.test)]),
        *await model.longest(reworded),
    ]
    fits, too_many = 0, len(examples) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if await model.fits(texts, examples[:middle]):
            fits = middle
        else:
            too_many = middle
    return fits


@step
async def answer_chunk(run_id: str, chunk: Chunk, style: Style) -> tuple[int, float]:
    """Asks what is not answered yet and commits it at once; how many were asked, and the seconds that took."""
    bench = _open[run_id]
    database = current().database
    async with transaction(database) as session:
        known = await store.answered(session, run_id, chunk.arm, chunk.condition)
    cases = [bench.cases[case] for case in chunk.cases if case not in known]
    answers, seconds = await _timed_answers(bench, chunk, cases, style) if cases else ([], 0.0)
    pace = bench.pace[chunk.arm]
    pace[0], pace[1] = pace[0] + len(cases), pace[1] + seconds
    async with transaction(database) as session:
        await store.add_predictions(session, run_id, answers)
        done = await store.count_predictions(session, run_id)
        if not await store.set_progress(session, run_id, _progress(bench, chunk.arm, done)):
            raise Stopped
    return len(cases), seconds


@step
async def choose(run_id: str, arm: str) -> tuple[float, Style]:
    """Accuracy on validation, and the style that reached it."""
    async with transaction(current().database) as session:
        return results.validation_choice(await store.predictions(session, run_id, arm=arm))


@step
async def summarise(
    run_id: str,
    notes: Mapping[str, str],
    validated: Mapping[str, float],
    throughput: Mapping[str, Sequence[tuple[int, float]]],
) -> None:
    """The table and the verdict from everything that is stored, also from before an interruption."""
    bench = _open[run_id]
    seed, concurrency = bench.config["seed"], bench.config["concurrency"]
    arms = []
    for name, measured in throughput.items():
        arm = bench.arms[name]
        async with transaction(current().database) as session:
            predictions = await store.predictions(session, run_id, arm=name)
        fitted = await asyncio.to_thread(_baseline, bench, name) if arm.kind == "baseline" else None
        arms.append(
            results.arm_result(
                arm,
                predictions,
                bench.test,
                timed=runner.timed_alone(len(bench.test), concurrency),
                per_second=results.per_second(measured),
                validated=validated.get(name),
                notes=[notes[name]] if name in notes else [],
                baseline=fitted.baseline if fitted else None,
            )
        )
    summary = await asyncio.to_thread(
        build_summary,
        bench.task,
        bench.labels,
        arms,
        latency_note=results.latency_note(len(bench.test), concurrency),
        margin_points=bench.config["margin_points"],
        seed=seed,
        notes=results.left_out_notes([name for name in bench.arms if name not in throughput]),
    )
    await _set_status(run_id, "succeeded", summary=summary)


# ---- Parts


async def _bench(run_id: str, client: ServiceClient) -> Bench:
    async with transaction(current().database) as session:
        run = await store.find_run(session, run_id)
        rows = await store.rows(session, str(run.dataset_id))
    config = run.config
    splits: dict[str, list[Case]] = defaultdict(list)
    for position, split, text, label in rows:
        splits[split].append(Case(position, text, label))
    seed, labels = config["seed"], tuple(config["labels"])
    validation = runner.sample(splits["validation"], config["validation_cases"], seed)
    test = runner.sample(splits["test"], config["limit"], seed)
    arms = {arm.name: arm for arm in runner.from_config(config)}
    bench = Bench(
        run_id=run_id,
        task=run.task,
        config=config,
        labels=labels,
        arms=arms,
        cases={case.id: case for case in (*validation, *test)},
        train=splits["train"],
        validation=validation,
        test=test,
        client=client,
    )
    for arm in arms.values():
        if arm.kind != "baseline":
            bench.models[arm.name] = ModelArm(arm, client, run.task, labels, seed)
        if arm.few_shot:
            bench.examples[arm.name] = runner.pick_examples(splits["train"], labels, config["most_examples"], seed)
    return bench


async def _timed_answers(bench: Bench, chunk: Chunk, cases: Sequence[Case], style: Style) -> tuple[list[runner.Row], float]:
    model = bench.models.get(chunk.arm)
    if model is None:
        baseline = await asyncio.to_thread(_baseline, bench, chunk.arm)
        started = time.perf_counter()
        rows = await asyncio.to_thread(baseline.answer, cases, chunk)
    else:
        if not bench.pace[chunk.arm][0]:
            await model.warm(bench.validation[0].text)
        started = time.perf_counter()
        rows = await model.answer(cases, chunk, bench.examples.get(chunk.arm, [])[: style.shots], style.scoring)
    return rows, time.perf_counter() - started


def _baseline(bench: Bench, name: str) -> BaselineArm:
    if name not in bench.baselines:
        bench.baselines[name] = BaselineArm(bench.arms[name], bench.train, bench.validation, bench.config["seed"])
    return bench.baselines[name]


def _progress(bench: Bench, arm: str, done: int) -> dict[str, Any]:
    """What is left is timed by its own arm's pace so far, or by the slowest model's while it has none."""
    paces = {name: seconds / answers for name, (answers, seconds) in bench.pace.items() if answers}
    slowest = max((pace for name, pace in paces.items() if name in bench.models), default=None)
    left = 0.0
    for chunk in bench.todo:
        pace = paces.get(chunk.arm, slowest if chunk.arm in bench.models else 0.0)
        if pace is None:
            return {"done": done, "total": done + _size(bench.todo), "arm": arm, "seconds_left": None}
        left += pace * len(chunk.cases)
    return {"done": done, "total": done + _size(bench.todo), "arm": arm, "seconds_left": round(left, 1)}


def _size(chunks: Iterable[Chunk]) -> int:
    return sum(len(chunk.cases) for chunk in chunks)


async def _set_status(run_id: str, status: str, **values: Any) -> bool:
    async with transaction(current().database) as session:
        return await store.set_status(session, run_id, status, **values)
