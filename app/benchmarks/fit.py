"""Whether a task and its rows go together: kinds, labels, columns."""

from collections.abc import Sequence

from app.benchmarks.definition import DATASETS, LABELLED, Task
from app.database.tables import Dataset
from app.datasets.kinds import MEANING
from app.errors import InvalidRequest


def check_against(task: Task, dataset: Dataset) -> None:
    """Raises InvalidRequest that names the field for what `dataset` does not have."""
    kinds = DATASETS[task.kind]
    if dataset.kind not in kinds:
        raise InvalidRequest(
            f"A task of the kind {task.kind} takes a dataset of the kind {' or '.join(kinds)}, and {dataset.name!r} is of the "
            f"kind {dataset.kind} ({MEANING[dataset.kind]}). Name another dataset, or upload the file again as that kind.",
            param="dataset",
        )
    if strangers := sorted(set(dataset.labels) - set(task.labels)) if task.kind in LABELLED else []:
        raise InvalidRequest(
            f"Dataset {dataset.name!r} has the label {strangers[0]!r}, which the task does not know; add it to labels, or "
            "leave its rows out of the data.",
            param="labels",
        )
    named: dict[str, Sequence[str]] = {
        "slices": task.slices,
        "cluster": [task.cluster] if task.cluster else [],
        "references": task.references,
    }
    kept = dataset.columns or []
    for field, columns in named.items():
        if missing := [column for column in columns if column not in kept]:
            there = f"it keeps {', '.join(kept)}" if kept else "it keeps none"
            raise InvalidRequest(
                f"Dataset {dataset.name!r} keeps no column {missing[0]!r}; {there}. Upload it again with keep={missing[0]}, or "
                "leave it out.",
                param=field,
            )


def check_source(task: Task) -> None:
    """Raises InvalidRequest for rows that no domain generates, or that are of another kind."""
    from app.domains.registry import DOMAINS

    assert task.source is not None, "checked by the caller"
    domain = DOMAINS.get(task.source.domain)
    if domain is None:
        raise InvalidRequest(
            f"There is no built-in domain named {task.source.domain!r}. Domains: {', '.join(sorted(DOMAINS))}.", param="source"
        )
    if domain.kind not in DATASETS[task.kind]:
        raise InvalidRequest(
            f"The domain {task.source.domain!r} makes rows of the kind {domain.kind}, and a task of the kind {task.kind} takes "
            f"{' or '.join(DATASETS[task.kind])}.",
            param="source",
        )
    if task.columns:
        raise InvalidRequest(
            f"Generated rows keep no column {task.columns[0]!r}; leave slices, cluster and references out.", param="slices"
        )
