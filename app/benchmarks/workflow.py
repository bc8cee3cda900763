"""A benchmark run as a durable workflow: killed anywhere and started again, it ends with the same predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

from dbos import DBOS

from app.benchmarks import results, runner, store
from app.benchmarks.bench import Bench, open_bench
from app.benchmarks.client import Refused, ServiceClient
from app.benchmarks.conclusion import Known, conclude
from app.benchmarks.consistency import REWORDINGS
from app.benchmarks.examples import told
from app.benchmarks.runner import Case, Chunk, Style
from app.benchmarks.scored import results as scored
from app.database.session import DatabaseError, transaction
from app.errors import Conflict, DeadlineExceeded, VersusError
from app.jobs.context import current
from app.jobs.names import BENCHMARK_WORKFLOW


class Stopped(Exception):
    """The run is over already: it was cancelled."""


_open: dict[str, Bench] = {}  # by run id; one worker runs one at a time


@DBOS.workflow(name=BENCHMARK_WORKFLOW)
async def benchmark_run(run_id: str) -> None:
    """Ends with the run succeeded, failed with a sentence, or cancelled."""
    try:
        async with ServiceClient(current().settings.api) as client:
            bench = _open[run_id] = await open_bench(run_id, current().database, client)
            if await began_with(run_id) != bench.fingerprint:
                raise Conflict("The rows of the dataset are no longer what this run began with; start a new run.")
            await _run(bench)
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
    config, concurrency, texts = bench.config, bench.config["concurrency"], bench.config.get("texts_per_request", 1)
    validation = [case.id for case in bench.validation]
    test = [case.id for case in bench.test]

    # 1. The ways to ask each model. An arm that can be shown no example is its zero-shot arm again.
    styles = {
        arm.name: runner.styles_to_try(arm, await fitting_examples(bench.run_id, arm.name) if arm.few_shot else 0)
        for arm in bench.arms.values()
        if arm.kind != "baseline"
    }
    arms = [arm for arm in bench.arms.values() if arm.kind == "baseline" or styles[arm.name]]

    # 2. The plan, so that progress knows its end.
    choosing = {
        name: runner.plan_validation(bench.arms[name], validation, styles[name], concurrency, texts)
        for name in runner.to_choose(arms)
    }
    testing = {
        arm.name: runner.plan_test(
            arm,
            test,
            repeated=config["consistency_cases"],
            repeats=config["repeats"],
            rewordings=config["rewordings"],
            concurrency=concurrency,
            texts=texts,
        )
        for arm in arms
    }
    bench.todo = [chunk for arm in arms for chunk in (*choosing.get(arm.name, []), *testing[arm.name])]

    # 3. Arm by arm: validation, the style it chooses, then the test.
    asked: dict[str, Style] = {}
    validated: dict[str, float] = {}
    throughput: dict[str, list[tuple[int, float]]] = {}
    for arm in arms:
        for chunk in choosing.get(arm.name, []):
            await _answer(bench, chunk, Style.of(chunk.condition))
        style = styles[arm.name][0] if arm.name in styles else Style()
        if arm.name in choosing:
            validated[arm.name], style = await choose(bench.run_id, arm.name)
        asked[arm.name] = style
        measured = [await _answer(bench, chunk, style) for chunk in testing[arm.name]]
        throughput[arm.name] = [
            done
            for chunk, done in zip(testing[arm.name], measured, strict=True)
            if chunk.condition == "base" and chunk.concurrency == concurrency
        ]

    # 4. The table and the verdict.
    notes = {
        name: _note(bench, style, len(styles[name]))
        for name, style in asked.items()
        if len(styles.get(name, [])) > 1 or (style.how == "generate" and bench.scale is None)
    }
    await summarise(bench.run_id, notes, validated, throughput, asked)


def _note(bench: Bench, style: Style, tried: int) -> str:
    if bench.scale is not None:
        return scored.style_note(style, tried, len(bench.validation), told(bench.config), bench.scale)
    return results.style_note(style, tried, len(bench.validation), told(bench.config))


async def _answer(bench: Bench, chunk: Chunk, style: Style) -> tuple[int, float]:
    bench.todo.remove(chunk)
    return await answer_chunk(bench.run_id, chunk, style)


# ---- Steps: each is written down when done, and skipped when a resumed run comes by again


def _database_lost(error: BaseException) -> bool:
    return isinstance(error, DatabaseError)


step = DBOS.step(retries_allowed=True, max_attempts=6, should_retry=_database_lost)


@step
async def began_with(run_id: str) -> str:
    """The fingerprint of the cases when the run began; a resumed run gets the one that was written down then."""
    return _open[run_id].fingerprint


@step
async def fitting_examples(run_id: str, arm: str) -> int:
    """The most examples with which even the longest cases, and the longest reworded ones, fit into the context.

    A model that cannot be asked gets the fewest: each case will tell what is wrong with it.
    """
    try:
        return await _fitting(_open[run_id], arm)
    except (Refused, DeadlineExceeded):
        return len(_longest(_open[run_id], arm)[: runner.SHOTS[0]])


def _longest(bench: Bench, arm: str) -> Sequence[Case]:
    return bench.examples[arm].longest(bench.config["most_examples"])


async def _fitting(bench: Bench, arm: str) -> int:
    model, examples = bench.models[arm], _longest(bench, arm)
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
    answers, seconds = await bench.answers(chunk, cases, style) if cases else ([], 0.0)
    async with transaction(database) as session:
        await store.add_predictions(session, run_id, answers)
        done = await store.count_predictions(session, run_id)
        if not await store.set_progress(session, run_id, bench.progress(chunk.arm, done)):
            raise Stopped
    return len(cases), seconds


@step
async def choose(run_id: str, arm: str) -> tuple[float, Style]:
    """Accuracy on validation (or the scale's main metric), and the style that reached it."""
    bench = _open[run_id]
    async with transaction(current().database) as session:
        predictions = await store.predictions(session, run_id, arm=arm)
    if bench.scale is not None:
        return scored.validation_choice(bench.scale, predictions, bench.gold)
    return results.validation_choice(predictions)


@step
async def summarise(
    run_id: str,
    notes: Mapping[str, str],
    validated: Mapping[str, float],
    throughput: Mapping[str, Sequence[tuple[int, float]]],
    asked: Mapping[str, Style],
) -> None:
    """The table and the verdict from everything that is stored, also from before an interruption."""
    known = Known(asked, notes, validated, throughput)
    await _set_status(run_id, "succeeded", summary=await conclude(_open[run_id], known, current().database))


async def _set_status(run_id: str, status: str, **values: Any) -> bool:
    async with transaction(current().database) as session:
        return await store.set_status(session, run_id, status, **values)
