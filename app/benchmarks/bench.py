"""What a run works with in a worker's process: its cases, its arms, and what is left to ask."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.benchmarks import runner, store, tasks
from app.benchmarks.asking import GIVEN_UP, BaselineArm, ModelArm, Row, changed
from app.benchmarks.client import Refused, ServiceClient
from app.benchmarks.definition import Examples, Task
from app.benchmarks.examples import Choice, Same, choice_of
from app.benchmarks.runner import Arm, Case, Chunk, Style
from app.benchmarks.scored.asking import WritingArm, trained_for
from app.benchmarks.scored.baselines import ScoredBaseline
from app.benchmarks.scored.cases import Gold
from app.benchmarks.scored.fields import of_rows
from app.benchmarks.scored.results import golds
from app.benchmarks.scored.scales import Scale, scale_of
from app.benchmarks.scored.wording import Wording
from app.database.session import Database, Session, transaction
from app.database.tables import Run
from app.errors import Conflict, NotFound


@dataclass
class Bench:
    """All of it comes from rows that never change, so a resumed run has the same."""

    run_id: str
    task: str
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    arms: dict[str, Arm]
    cases: dict[int, Case]  # validation and test
    train: list[Case]
    validation: list[Case]
    test: list[Case]
    fingerprint: str  # of labels and cases
    scale: Scale | None = None  # None: answers are labels
    gold: dict[int, Gold] = field(default_factory=dict)  # of a scale: what is right, by case
    models: dict[str, ModelArm] = field(default_factory=dict)
    baselines: dict[str, BaselineArm | ScoredBaseline] = field(default_factory=dict)
    examples: dict[str, Choice] = field(default_factory=dict)  # few-shot arm -> what may be shown
    todo: list[Chunk] = field(default_factory=list)  # after the one in hand
    pace: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))  # arm -> answers, seconds

    async def answers(self, chunk: Chunk, cases: Sequence[Case], style: Style) -> tuple[list[Row], float]:
        """One row per case, and the seconds that took without warming up."""
        model = self.models.get(chunk.arm)
        if model is None:
            baseline = await asyncio.to_thread(self.baseline, chunk.arm)
            started = time.perf_counter()
            rows = await asyncio.to_thread(baseline.answer, cases, chunk)
        else:
            if not self.pace[chunk.arm][0]:
                await model.warm(self.validation[0].text)
            started = time.perf_counter()
            shown = self.examples.get(chunk.arm, Same([]))
            rows = await model.answer(cases, chunk, lambda case: shown.for_case(case)[: style.shots], style.how)
        seconds = time.perf_counter() - started
        pace = self.pace[chunk.arm]
        pace[0], pace[1] = pace[0] + len(cases), pace[1] + seconds
        return rows, seconds

    def baseline(self, name: str) -> BaselineArm | ScoredBaseline:
        """Fitted at its first use."""
        if name not in self.baselines:
            arm, seed = self.arms[name], self.config["seed"]
            if self.scale is None:
                self.baselines[name] = BaselineArm(arm, self.train, self.validation, seed)
            else:
                self.baselines[name] = ScoredBaseline(arm, self.scale, self.train, self.validation, self.gold, seed)
        return self.baselines[name]

    def progress(self, arm: str, done: int) -> dict[str, Any]:
        """What is left is timed by its own arm's pace so far, or by the slowest model's while it has none."""
        paces = {name: seconds / answers for name, (answers, seconds) in self.pace.items() if answers}
        slowest = max((pace for name, pace in paces.items() if name in self.models), default=None)
        told = {"done": done, "total": done + _size(self.todo), "arm": arm}
        left = 0.0
        for chunk in self.todo:
            pace = paces.get(chunk.arm, slowest if chunk.arm in self.models else 0.0)
            if pace is None:
                return told | {"seconds_left": None}
            left += pace * len(chunk.cases)
        return told | {"seconds_left": round(left, 1)}


async def open_bench(run_id: str, database: Database, client: ServiceClient) -> Bench:
    """Of a run that begins or goes on. Raises Conflict when its task, its dataset or a model is not what it was."""
    async with transaction(database) as session:
        run = await store.find_run(session, run_id)
        rows = await store.rows(session, str(run.dataset_id))
        given_up = await store.errors(session, run_id, GIVEN_UP)
        columns = await store.kept_columns(session, str(run.dataset_id), "validation", "test")
        await _check_task(session, asked_as(run), run.config)
        await _check_dataset(session, str(run.dataset_id), run.config, len(rows))
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
        fingerprint=runner.fingerprint(splits, labels),
    )
    task = Task.model_validate(config["task"]["definition"]) if "definition" in config.get("task", {}) else None
    bench.scale = scale_of(task.kind) if task else None
    if task is not None and bench.scale is not None:
        fields = of_rows(task, [case.gold for case in bench.train])
        task = task.model_copy(update={"fields": tuple(fields.names)})
        bench.gold = golds([*bench.cases.values()], columns, task.references, task.fields)
    for arm in arms.values():
        if arm.kind != "baseline":
            card = await _check_model(arm, client)
            if task is not None and bench.scale is not None:
                longest = max(len(case.gold) for case in bench.train)
                wording = Wording(task, fields, longest, trained_for(task, card))
                bench.models[arm.name] = WritingArm(arm, client, wording, seed)
            else:
                probabilities = config.get("probabilities", True)
                bench.models[arm.name] = ModelArm(arm, client, asked_as(run), labels, seed, probabilities=probabilities)
            bench.models[arm.name].given_up = given_up.get(arm.name)
        if arm.few_shot:
            settings, most = Examples.model_validate(config.get("examples", {})), config["most_examples"]
            bench.examples[arm.name] = await asyncio.to_thread(
                choice_of, settings, splits["train"], labels, most=most, seed=seed
            )
    return bench


# ---- Is everything as it was when the run was asked for?


def asked_as(run: Run) -> str:
    """A user's task by its version: a newer one changes nothing in a run that is under way."""
    return str(run.config.get("task", {}).get("reference", run.task))


async def _check_task(session: Session, name: str, config: Mapping[str, Any]) -> None:
    try:
        now = (await tasks.find_task(session, name)).digest
    except NotFound as error:
        raise Conflict(f"The task {name!r}, which this run began with, is no longer there; start a new run.") from error
    if now != config.get("task", {}).get("sha256", now):
        raise Conflict(f"The task {name!r} is no longer what this run began with; start a new run.")


async def _check_dataset(session: Session, dataset_id: str, config: Mapping[str, Any], rows: int) -> None:
    dataset = await store.dataset_by_id(session, dataset_id)
    name = f"{config['dataset']['name']}, version {config['dataset']['version']},"
    if dataset is None or dataset.rows != rows or dataset.sha256 != config["dataset"].get("sha256", dataset.sha256):
        raise Conflict(f"The dataset {name} is no longer what this run began with; start a new run.")


async def _check_model(arm: Arm, client: ServiceClient) -> dict[str, Any]:
    """What the service tells of it."""
    try:
        model: dict[str, Any] = await client.get(f"/v1/models/{arm.model}")
    except Refused as error:
        if error.status != 404:
            raise
        raise Conflict(f"{arm.model}, which this run began with, is no longer in the catalog; start a new run.") from error
    if model["digest"] != arm.digest:
        raise changed(arm, model["digest"])
    return model


def _size(chunks: Iterable[Chunk]) -> int:
    return sum(len(chunk.cases) for chunk in chunks)
