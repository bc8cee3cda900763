"""What mistakes cost: money per confusion cell, and per case of an arm."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from app.benchmarks.arms import ArmResult
from app.benchmarks.statistics import Floats
from app.errors import InvalidRequest

INVALID = "invalid"  # the column of answers that are none of the labels

Money = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]  # so that no sum of it overflows
Currency = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[^\x00-\x1f\x7f]+$")]
_SHOWN = 3


class Costs(BaseModel):
    """A business cost matrix: `matrix[gold][answered]` is what one such case costs; what it earns is negative."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: Currency = Field(description="such as EUR")
    matrix: dict[str, dict[str, Money]] = Field(
        default_factory=dict,
        description='gold -> answered -> money per case; "invalid" is an answer that is none of the labels',
    )
    correct: Money = Field(default=0.0, description="of a right answer that the matrix does not name")
    wrong: Money | None = Field(default=None, description="of a wrong label that the matrix does not name")
    invalid: Money | None = Field(default=None, description="of an answer that is none of the labels; by default as `wrong`")


def cost_table(costs: Costs, labels: Sequence[str]) -> Floats:
    """Money per case by (gold, answer), shape (K, K + 1): the last column is the answer that is none of the labels.

    Raises InvalidRequest for a name that is no label, and for cells that neither the matrix nor `wrong` or `invalid` gives.
    """
    columns = [*labels, INVALID]
    for gold, row in costs.matrix.items():
        if strangers := sorted(({gold} - set(labels)) | (set(row) - set(columns))):
            raise InvalidRequest(
                f"The cost matrix names {strangers[0]!r}, which is no label of the task. Labels: {', '.join(labels)}; "
                f'"{INVALID}" for an answer that is none of them.',
                param=f"costs.matrix.{gold}",
            )
    table, missing = np.zeros((len(labels), len(columns))), []
    for i, gold in enumerate(labels):
        for j, answered in enumerate(columns):
            none_of_them = j == len(labels)
            # A task may have a label of that name: its column is then the label's, and `invalid` tells the other.
            known = None if none_of_them and INVALID in labels else costs.matrix.get(gold, {}).get(answered)
            usual = costs.correct if i == j else costs.invalid if none_of_them else costs.wrong
            if known is None and usual is None and none_of_them:
                usual = costs.wrong
            if known is None and usual is None:
                missing.append(f"{gold} answered as {answered}")
            else:
                table[i, j] = usual if known is None else known
    if missing:
        raise InvalidRequest(
            f"The cost matrix leaves {len(missing):,} cells open: {'; '.join(missing[:_SHOWN])}"
            f"{', ..' if len(missing) > _SHOWN else ''}. Give them, or `wrong` for all of them.",
            param="costs",
        )
    return table


def case_costs(arm: ArmResult, table: Floats, labels: Sequence[str]) -> Floats:
    """Money that each case of the arm cost, shape (n,)."""
    numbers = {label: index for index, label in enumerate(labels)}
    answered = [len(labels) if label is None else numbers.get(label, len(labels)) for label in arm.predicted]
    return np.asarray(table[[numbers[label] for label in arm.gold], answered], dtype=np.float64)
