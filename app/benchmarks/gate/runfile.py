"""A run with its answers in one file: what gates, deltas and exports read, from the service or offline."""

import asyncio
import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.benchmarks import results, runner, store
from app.benchmarks.arms import ArmResult
from app.benchmarks.runner import Case
from app.benchmarks.schemas import PredictionOut, RunOut
from app.database.session import Session
from app.database.tables import Prediction, Run
from app.datasets.store import find_dataset
from app.errors import Conflict, InvalidRequest, NotFound, Unprocessable


class DatasetOut(BaseModel):
    """Which rows a run was over; `sha256` is of their content, the same wherever they are stored."""

    name: str
    version: int
    sha256: str


class CaseOut(BaseModel):
    """One test case; `slices`: column -> its value; `cluster`: what it belongs to, such as a contract, with others."""

    id: int
    text: str
    gold: str
    slices: dict[str, str] = Field(default_factory=dict)
    cluster: str | None = None


class RunFile(BaseModel):
    """A run that succeeded, its test cases in the order in which they were asked, and every answer but those on validation.

    The first `timed` cases were asked one at a time; only their latency counts.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    format: Literal["versus-run/1"] = "versus-run/1"
    run: RunOut
    dataset: DatasetOut
    cases: list[CaseOut]
    timed: int
    answers: list[PredictionOut]

    @property
    def labels(self) -> list[str]:
        labels: list[str] = self.run.config["labels"]
        return labels

    @cached_property
    def arms(self) -> dict[str, runner.Arm]:
        """Those that answered: an arm may have been left out for want of room."""
        answered = {answer.arm for answer in self.answers}
        return {arm.name: arm for arm in runner.from_config(self.run.config) if arm.name in answered}

    def result(self, arm: str) -> ArmResult:
        """What one arm answered, case by case.

        Raises NotFound that lists the arms, InvalidRequest for one that never answered.
        """
        if arm not in self.arms:
            raise NotFound(f"Run {self.run.id} has no arm {arm!r}; its arms are {', '.join(self.arms)}.")
        if not self.labels:
            kind = self.run.config["task"]["definition"]["kind"]
            raise InvalidRequest(
                f"Gates, deltas and exports are for answers that are labels so far, and run {self.run.id} is of the kind "
                f"{kind}; ask POST /v1/verdicts (versus verdict), which compares its scores."
            )
        own = [answer for answer in self.answers if answer.arm == arm]
        if all(answer.error for answer in own):
            raise InvalidRequest(f"{arm} answered no case of run {self.run.id}: {own[0].error} Mend that and repeat the run.")
        if missing := {case.id for case in self.cases} - {answer.case_id for answer in own if answer.condition == "base"}:
            raise InvalidRequest(f"{arm} has no answer to {len(missing):,} cases of run {self.run.id}; export the run anew.")
        found = results.arm_result(
            self.arms[arm],
            [Prediction(run_id=self.run.id, **answer.model_dump()) for answer in own],
            [Case(case.id, case.text, case.gold) for case in self.cases],
            timed=self.timed,
            per_second=None,
            validated=None,
        )
        if found.failure:
            raise InvalidRequest(f"{arm} stopped answering in run {self.run.id}: {found.failure} Mend that and repeat the run.")
        columns = sorted({column for case in self.cases for column in case.slices})
        slices = {column: [case.slices.get(column, "") for case in self.cases] for column in columns}
        grouped = any(case.cluster for case in self.cases)
        clusters = [case.cluster or f"case {case.id}" for case in self.cases] if grouped else found.clusters
        found = replace(found, slices={**slices, **found.slices}, clusters=clusters)
        # A classifier reads words, not tokens.
        return found if self.arms[arm].kind != "baseline" else replace(found, tokens=(), answer_tokens=())


async def load(session: Session, run: Run) -> RunFile:
    """Raises Conflict for a run that did not succeed."""
    if run.status != "succeeded" or run.dataset_id is None:
        why = f": {run.error}" if run.error else ""
        raise Conflict(
            f"Run {run.id} is {run.status}{why}. Only a run that succeeded has all its answers; wait for it, or start another."
        )
    dataset = await find_dataset(session, run.dataset_id)
    test = [
        Case(position, text, label) for position, split, text, label in await store.rows(session, dataset.id) if split == "test"
    ]
    asked = runner.sample(test, run.config["limit"], run.config["seed"])
    answers = [one for one in await store.predictions(session, run.id) if not one.condition.startswith("validation")]
    kept = await store.kept_columns(session, dataset.id, "test")
    slices, cluster = run.config.get("slices", ()), run.config.get("cluster")
    return RunFile(
        run=RunOut.of(run),
        dataset=DatasetOut(name=dataset.name, version=dataset.version, sha256=dataset.sha256),
        cases=[
            CaseOut(
                id=case.id,
                text=case.text,
                gold=case.gold,
                slices={column: kept[case.id][column] for column in slices},
                cluster=kept[case.id][cluster] if cluster else None,
            )
            for case in asked
        ],
        timed=runner.timed_alone(len(asked), run.config["concurrency"]),
        # Thousands of rows: the event loop is left to others meanwhile.
        answers=await asyncio.to_thread(lambda: [PredictionOut.of(one) for one in answers]),
    )


def read(path: Path) -> RunFile | str:
    """The run that a file holds, or the id of the run of which it holds only the summary (`versus bench --json`).

    Raises Unprocessable for a file that is neither, InvalidRequest for one that cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be read ({error.strerror}); name a run's id, or a file of `versus export-run`."
        ) from error
    except ValueError as error:
        raise Unprocessable(f"{path} is no JSON; write a run's file with `versus export-run RUN --to {path.name}`.") from error
    if isinstance(content, dict) and "answers" not in content and isinstance(content.get("id"), str):
        return str(content["id"])
    try:
        return RunFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise Unprocessable(
            f"{path} is no run of this version ({where}: {first['msg']}); write it with "
            f"`versus export-run RUN --to {path.name}`."
        ) from error
