"""A run with its answers in one file: what gates, deltas and exports read, from the service or offline."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.benchmarks import results, runner, store
from app.benchmarks.arms import ArmResult
from app.benchmarks.runner import Case
from app.benchmarks.schemas import PredictionOut, RunOut
from app.benchmarks.scored import results as scored
from app.benchmarks.scored.cases import Gold
from app.benchmarks.scored.scales import Scale, scale_of
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
    references: list[str] = Field(default_factory=list)  # further right answers


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

    @property
    def scale(self) -> Scale | None:
        """By what the cases are scored; None where answers are labels."""
        return scale_of(self.run.config.get("task", {}).get("definition", {}).get("kind", ""))

    @property
    def fields(self) -> tuple[str, ...]:
        """Of an extraction."""
        return tuple((self.run.summary or {}).get("fields", ()))

    def require_labels(self, what: str) -> None:
        """Raises InvalidRequest for a run whose cases get scores."""
        if self.scale is not None:
            raise InvalidRequest(f"{what} for answers that are labels, and run {self.run.id} is of the kind {self.scale.kind}.")

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
        own = [answer for answer in self.answers if answer.arm == arm]
        if all(answer.error for answer in own):
            raise InvalidRequest(f"{arm} answered no case of run {self.run.id}: {own[0].error} Mend that and repeat the run.")
        if missing := {case.id for case in self.cases} - {answer.case_id for answer in own if answer.condition == "base"}:
            raise InvalidRequest(f"{arm} has no answer to {len(missing):,} cases of run {self.run.id}; export the run anew.")
        found = self._measured(self.arms[arm], [Prediction(run_id=self.run.id, **answer.model_dump()) for answer in own])
        if found.failure:
            raise InvalidRequest(f"{arm} stopped answering in run {self.run.id}: {found.failure} Mend that and repeat the run.")
        columns = sorted({column for case in self.cases for column in case.slices})
        slices = {column: [case.slices.get(column, "") for case in self.cases] for column in columns}
        grouped = any(case.cluster for case in self.cases)
        clusters = [case.cluster or f"case {case.id}" for case in self.cases] if grouped else found.clusters
        found = replace(found, slices={**slices, **found.slices}, clusters=clusters)
        # A classifier reads words, not tokens.
        return found if self.arms[arm].kind != "baseline" else replace(found, tokens=(), answer_tokens=())

    def _measured(self, arm: runner.Arm, own: Sequence[Prediction]) -> ArmResult:
        cases = [Case(case.id, case.text, case.gold) for case in self.cases]
        if self.scale is None:
            return results.arm_result(arm, own, cases, timed=self.timed, per_second=None, validated=None)
        gold = [Gold(case, tuple(one.references), self.fields) for case, one in zip(cases, self.cases, strict=True)]
        failure = scored.base_failure(own, cases)
        found = scored.arm_result(
            self.scale, arm, own, gold, failure=failure, validated=None, timed=self.timed, per_second=None
        )
        if self.scale.kind != "perplexity":
            return found
        # A text that one arm could not read has no score in any.
        every = {
            name: [Prediction(run_id=self.run.id, **answer.model_dump()) for answer in self.answers if answer.arm == name]
            for name in self.arms
        }
        compared = {case.id for case in scored.comparable(self.scale, cases, every)[0]}
        kept = {
            name: [value if case in compared else None for case, value in zip(found.cases, values, strict=True)]
            for name, values in found.scores.items()
        }
        return replace(found, scores=kept)


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
    references = run.config.get("task", {}).get("definition", {}).get("references", ())
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
                references=[kept[case.id][name] for name in references],
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
