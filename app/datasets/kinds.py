"""The kinds of datasets: what belongs to each text, how it is stored, and who can use it."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args

from app.catalog.cards import TaskKind
from app.database.tables import Dataset
from app.datasets.splits import SPLITS, LabelledRow
from app.errors import InvalidRequest

Kind = Literal["classification", "extraction", "text_to_text", "text"]
Role = Literal["text", "label", "answer", "fields"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MEANING: dict[str, str] = {
    "classification": "a text and its label",
    "extraction": "a text and the fields that stand in it",
    "text_to_text": "a text and the text that answers it (a summary, an answer)",
    "text": "texts alone, to read",
}
ROLES: dict[Kind, tuple[Role, ...]] = {
    "classification": ("text", "label"),
    "extraction": ("text", "fields"),
    "text_to_text": ("text", "answer"),
    "text": ("text",),
}


# What an export calls its columns, whatever they were called in the file that was uploaded.
EXPORTED = ("split", "text", "label", "answer", "fields")


def target(kind: str, stored: str) -> dict[str, Any]:
    """What a row has beside its text, under the name of its kind; `stored` is the row's one column for it."""
    match kind:
        case "classification":
            return {"label": stored}
        case "extraction":
            return {"fields": json.loads(stored)}
        case "text_to_text":
            return {"answer": stored}
        case _:
            return {}


def require_classification(dataset: Dataset, what: str) -> None:
    """Raises InvalidRequest, which says what to do, for a dataset of a kind that `what` cannot use."""
    if dataset.kind != "classification":
        raise InvalidRequest(
            f"{what} takes datasets of the kind classification so far, and {dataset.name!r} is of the kind {dataset.kind} "
            f"({MEANING[dataset.kind]}). Name one with labels, or upload the file again with label=... the column of labels.",
            param="dataset",
        )


def require_answers(dataset: Dataset) -> TaskKind:
    """The kind of a dataset that a task can be learned from. Raises InvalidRequest for one of texts alone."""
    match dataset.kind:
        case "classification" | "extraction" | "text_to_text":
            return dataset.kind
        case _:
            raise InvalidRequest(
                f"A task is learned from texts with labels, fields or answers, and {dataset.name!r} holds "
                f"{MEANING[dataset.kind]}. Name another dataset for the task; scratch and vocabulary read this one when it is "
                "named in texts.",
                param="dataset",
            )


def count_labels(kind: Kind, rows: Sequence[LabelledRow]) -> tuple[list[str], dict[str, dict[str, int]]]:
    """(labels, most frequent in training first; split -> label -> rows); nothing for kinds without labels."""
    if kind != "classification":
        return [], {split: {} for split in SPLITS}
    counts = {split: Counter(row.label for row in rows if row.split == split) for split in SPLITS}
    labels = sorted({row.label for row in rows}, key=lambda label: (-counts["train"][label], label))
    return labels, {split: dict(count.most_common()) for split, count in counts.items()}


def count_sizes(rows: Sequence[LabelledRow]) -> dict[str, int]:
    """split -> rows."""
    sizes = Counter(row.split for row in rows)
    return {split: sizes[split] for split in SPLITS}
