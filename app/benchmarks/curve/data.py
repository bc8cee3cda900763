"""Reads the rows of a study from the database."""

from collections import defaultdict
from dataclasses import replace

from app.benchmarks import tasks
from app.benchmarks.curve.study import Study, make_study, with_own_split
from app.benchmarks.runner import Case
from app.database.session import connect, transaction
from app.datasets.kinds import require_classification
from app.datasets.store import dataset_rows, find_dataset
from app.errors import InvalidRequest


async def read_study(
    url: str, name: str, *, task: str | None, sizes: str, seeds: int, limit: int | None, own_split: bool = False
) -> Study:
    """`name` is a built-in task, a dataset's name (its newest version) or id; with `own_split` its validation rows are what
    choices are made on, at all labels. Raises NotFound, and InvalidRequest for data that has no labels to decide between, no
    test, or labels that the task does not know."""
    database = connect(url)
    try:
        built_in = tasks.built_in().get(name)
        found = (await tasks.dataset_of(database, built_in)).id if built_in else name
        async with transaction(database) as session:
            dataset = await find_dataset(session, found)
            require_classification(dataset, "A comparison of trainings")
            asked = await tasks.find_task(session, task) if task else built_in
            rows: dict[str, list[Case]] = defaultdict(list)
            for row in await dataset_rows(session, dataset.id):
                rows[row.split].append(Case(row.position, row.text, row.label))
    finally:
        await database.close()
    described = asked or tasks.uploaded(dataset.name, tuple(dataset.labels))
    if strangers := sorted({case.gold for cases in rows.values() for case in cases} - set(described.labels)):
        raise InvalidRequest(f"The task {described.name!r} does not know the label {strangers[0]!r} of {dataset.name!r}.")
    made = make_study(
        dataset=f"{dataset.name}@{dataset.version}",
        task=described.name,
        instruction=described.instruction,
        labels=described.labels,
        rows=rows,
        sizes=sizes,
        seeds=seeds,
        limit=limit,
        prompt=described.prompt,
    )
    made = replace(made, dataset_id=dataset.id)
    return with_own_split(made, rows["validation"]) if own_split else made
