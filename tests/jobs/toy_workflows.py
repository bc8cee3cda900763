"""Workflows for the tests of the worker: each writes what it does, one line a time, into a file of the data folder."""

import asyncio
import os
import time
from pathlib import Path

from dbos import DBOS

from app.jobs.context import current
from app.jobs.names import BENCHMARK_WORKFLOW, TRAINING_WORKFLOW


def tell(line: str) -> None:
    with (Path(current().settings.data_dir) / "told.txt").open("a") as file:
        file.write(line + "\n")


def hold(seconds: float) -> None:
    time.sleep(seconds)


@DBOS.step()
async def slow(job_id: str, number: int) -> None:
    tell(f"{job_id} step {number}")
    await asyncio.sleep(0.15)


@DBOS.workflow(name=BENCHMARK_WORKFLOW)
async def six_steps(job_id: str) -> None:
    for number in range(6):
        await slow(job_id, number)
    tell(f"{job_id} done")


@DBOS.workflow(name=TRAINING_WORKFLOW)
async def hold_the_loop(job_id: str) -> None:
    tell(f"{job_id} step 0")
    hold(float(os.environ.get("TOY_HOLD_S", "0.5")))
    tell(f"{job_id} done")
