"""A service that holds two finished runs of one dataset, a third over fewer cases, and one that is still going on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.benchmarks import runner, store
from app.benchmarks.gate.runfile import RunFile
from app.database.migrations import upgrade
from app.database.session import connect, transaction
from app.database.tables import Dataset, DatasetRow, Prediction, Run
from app.main import create_app
from app.settings import Settings
from tests.benchmarks.gate.runs import LABELS, answers, make_run
from tests.server import serve

N = 60


async def _fill(settings: Settings, runs: list[RunFile]) -> None:
    database = connect(settings.database)
    cases = runs[0].cases
    async with transaction(database) as session:
        session.add(
            Dataset(
                id="ds_1",
                name="claims",
                version=2,
                sha256="0" * 64,
                source="desk.csv",
                text_column="text",
                label_column="label",
                split={},
                labels=list(LABELS),
                counts={"test": {}},
                notes=[],
                rows=N,
            )
        )
        await session.flush()
        session.add_all(
            DatasetRow(dataset_id="ds_1", position=case.id, split="test", text=case.text, label=case.gold) for case in cases
        )
        session.add_all(Run(**run.run.model_dump()) for run in runs)
        session.add(Run(**runs[0].run.model_dump() | {"id": "run_going", "status": "running"}))
        await session.flush()
        session.add_all(Prediction(run_id=run.run.id, **one.model_dump()) for run in runs for one in run.answers)
        assert await store.count_predictions(session, "run_1") > N
    await database.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its base URL."""
    folder: Path = tmp_path_factory.mktemp("service")
    settings = Settings(models_dir=folder, data_dir=folder, threads=1)
    upgrade(settings.database)
    reruns = {"desk@1": {0: ["fire", "fire"], 1: ["theft", None]}}
    before = make_run({"general": answers(N, 0.5, 1), "desk@1": answers(N, 0.6)}, reruns=reruns)
    now = make_run({"desk@2": answers(N, 0.95, 2)}, id="run_2")
    fewer = make_run({"desk@1": answers(N, 0.6)}, id="run_3", limit=20)
    fewer = fewer.model_copy(update={"answers": [one for one in fewer.answers if one.case_id in _asked(fewer)]})
    asyncio.run(_fill(settings, [before, now, fewer]))
    with serve(create_app(settings)) as url:
        yield url


def _asked(run: RunFile) -> set[int]:
    cases = [runner.Case(case.id, case.text, case.gold) for case in run.cases]
    return {case.id for case in runner.sample(cases, 20, 0)}
