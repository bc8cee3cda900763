"""What a scorecard measures, step by step: from rows of the database and answers over HTTP to the evidence for each reason."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.benchmarks import runner, tasks
from app.benchmarks import store as runs
from app.benchmarks.client import ServiceClient
from app.benchmarks.runner import Case
from app.benchmarks.scorecard import from_runs, generality, jargon, language, performance, texts
from app.benchmarks.scorecard.asking import Pair, Unmeasured
from app.benchmarks.scorecard.from_runs import Answers
from app.benchmarks.scorecard.judgement import Evidence
from app.benchmarks.scorecard.measured import Better, Measure
from app.database.session import Database, transaction
from app.database.tables import Prediction, Run
from app.datasets.store import dataset_rows, find_dataset

STEPS = ("domain data", "vocabulary", "task", "rules", "performance", "general tasks")

REFERENCE_PER_KIND = 30  # general texts that jargon is held against


@dataclass(frozen=True)
class Work:
    """What every step starts from; all of it comes from rows that never change, so a resumed scorecard has the same."""

    config: Mapping[str, Any]
    task: str
    database: Database
    client: ServiceClient

    @property
    def pair(self) -> Pair:
        general, custom = self.config["general"], self.config["custom"]
        return Pair(general["id"], custom["id"], (general["digest"], custom["digest"]))

    @property
    def seed(self) -> int:
        return int(self.config["seed"])


async def measure(work: Work, step: str) -> Evidence | dict[str, Any]:
    """The evidence of one step; of the general tasks, what is retained as plain JSON."""
    match step:
        case "domain data":
            domain, everyday = await _domain_texts(work), await _general_texts(work)
            count = work.config["texts"]
            return await language.domain_data(
                work.client,
                work.pair,
                texts.sample(domain, count, work.seed),
                texts.sample(everyday, count, work.seed),
            )
        case "vocabulary":
            return await _vocabulary(work)
        case "task":
            try:
                general, custom, _, _ = await _answers(work, work.config["run"])
            except Unmeasured as error:
                return _nothing("task_optimisation", "3 Task optimisation", "accuracy", "share", "higher", error)
            return from_runs.task_optimisation(work.task, general, custom)
        case "rules":
            try:
                general, custom, _, _ = await _answers(work, work.config["rules_run"])
            except Unmeasured as error:
                return _nothing("control", "4 Control and safety", "requests handled by the rules", "share", "higher", error)
            return from_runs.control(work.config["rules_task"], work.config["refusals"], general, custom)
        case "performance":
            return await _performance(work)
        case _:
            return await _general_tasks(work)


# ---- Steps


async def _vocabulary(work: Work) -> Evidence:
    domain, general = await _domain_texts(work), await _general_texts(work)
    reference = generality.questions(work.seed, "reference", REFERENCE_PER_KIND)
    words = jargon.terms(domain, [*general, *(question.example.text for question in reference)], work.config["jargon"])
    async with transaction(work.database) as session:
        source = (await tasks.find_task(session, work.task)).source
    name = jargon.probe_set_of(source.domain if source else work.task)
    written = jargon.written()[name][1] if name else ()
    mined = jargon.mined(domain, words, work.seed)
    known = dict.fromkeys([*words, *(probe.after.strip(" -") for probe in written)])
    return await language.vocabulary(work.client, work.pair, list(known), written, mined)


async def _performance(work: Work) -> Evidence:
    try:
        general, custom, run, told = await _answers(work, work.config["run"])
    except Unmeasured as error:
        return _nothing("cost_and_performance", "5 Cost and performance", "latency", "ms", "lower", error)
    async with transaction(work.database) as session:
        rows = await runs.rows(session, str(run.dataset_id))
    splits: dict[str, list[Case]] = defaultdict(list)
    for position, split, text, label in rows:
        splits[split].append(Case(position, text, label))
    cases = runner.sample(splits["test"], performance.TIMED, work.seed)
    askers = [
        performance.Asker(work.client, run, one, predictions, splits["train"])
        for one, predictions in zip((general, custom), told, strict=True)
    ]
    pairs = await performance.in_turn(askers[0], askers[1], cases)
    return performance.cost_and_performance(pairs, run, work.config, (general.arm.name, custom.arm.name))


async def _general_tasks(work: Work) -> dict[str, Any]:
    per_kind = work.config["per_kind"]
    margin = work.config["margin_points"]
    try:
        chosen = await generality.styles(
            work.client, work.pair, generality.questions(work.seed, "validation", per_kind // 3 or 1)
        )
        asked = generality.questions(work.seed, "test", per_kind)
        told = await generality.answers(work.client, work.pair, asked, chosen)
    except Unmeasured as error:
        return generality.not_measured(str(error), margin)
    return generality.retained(asked, told, margin_points=margin) | {"styles": chosen}


# ---- Where it comes from


async def _answers(work: Work, run_id: str) -> tuple[Answers, Answers, Run, list[list[Prediction]]]:
    """Of the pair, general first; the run, and all predictions of either's arm. Raises Unmeasured."""
    async with transaction(work.database) as session:
        run = await runs.find_run(session, run_id)
        arms = [from_runs.best_arm(run, digest) for digest in work.pair.digests]
        told = [await runs.predictions(session, run_id, arm=arm.name) for arm in arms]
    general, custom = (from_runs.answers(arm, one) for arm, one in zip(arms, told, strict=True))
    return general, custom, run, told


async def _domain_texts(work: Work) -> list[str]:
    """Test texts of the task's dataset, which no variant was trained on."""
    async with transaction(work.database) as session:
        run = await runs.find_run(session, work.config["run"])
        rows = await runs.rows(session, str(run.dataset_id))
    return [text for _, split, text, _ in rows if split == "test"]


async def _general_texts(work: Work) -> Sequence[str]:
    if work.config["general_texts"] is None:
        return texts.general_passages()
    async with transaction(work.database) as session:
        dataset = await find_dataset(session, work.config["general_texts"])
        rows = await dataset_rows(session, dataset.id, "test") or await dataset_rows(session, dataset.id)
    return [row.text for row in rows]


def _nothing(key: str, title: str, decides: str, unit: str, better: Better, error: Unmeasured) -> Evidence:
    return Evidence(key, title, "", Measure(decides, unit, better, missing=f"{error}."))
