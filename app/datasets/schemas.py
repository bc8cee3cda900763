"""The wire of datasets."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.catalog.cards import Name
from app.database.tables import Dataset
from app.datasets.splits import Split, Strategy

Column = Annotated[str, Field(max_length=200)]


class DatasetIn(BaseModel):
    """How an uploaded file becomes a dataset."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = Field(None, description="by default the file's; a name that exists gets a new version")
    text: Column | None = Field(None, description="column that holds the text; by default the one with the longest cells")
    label: Column | None = Field(None, description="column that holds the label; by default one with few distinct values")
    split: Strategy | None = Field(None, description="by default `time` or `group` with split_by, else `random`")
    split_by: Column | None = Field(None, description="column of dates (split=time) or groups (split=group)")
    fractions: str = Field("0.7,0.1,0.2", max_length=100, description="shares of train, validation and test")
    top: int | None = Field(None, ge=2, le=1000, description="keep the rows of so many most frequent labels")
    seed: int = Field(0, ge=0, lt=2**53, description="of a split at random or by group")
    delimiter: Literal[",", ";", "|", "tab"] | None = Field(None, description="of a CSV file, where it is not the comma")


class DatasetOut(BaseModel):
    """One immutable version."""

    id: str
    created_at: datetime
    name: str
    version: int
    sha256: str = Field(description="over name, rows and their splits")
    source: str
    text_column: str
    label_column: str
    split: dict[str, Any] = Field(description="strategy, column, fractions, seed")
    rows: int
    sizes: dict[str, int] = Field(description="split -> rows")
    labels: list[str] = Field(description="most frequent in training first")
    counts: dict[str, dict[str, int]] = Field(description="split -> label -> rows")
    notes: list[str] = Field(description="what was assumed, dropped or found on the way in")

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        plain = {name: getattr(dataset, name) for name in cls.model_fields if name != "sizes"}
        return cls(**plain, sizes={split: sum(labels.values()) for split, labels in dataset.counts.items()})


class DatasetListOut(BaseModel):
    """Datasets, newest first."""

    data: list[DatasetOut]
    next_cursor: str | None


class DatasetRowOut(BaseModel):
    """One labelled text."""

    position: int
    split: Split
    text: str
    label: str


class DatasetRowListOut(BaseModel):
    """Rows in the order of the file."""

    data: list[DatasetRowOut]
    next_cursor: str | None


class PageIn(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str, Field(max_length=200)] | None = Field(None, description="next_cursor of the page before")
    limit: int = Field(20, ge=1, le=1000)


class RowsPageIn(PageIn):
    """A page of rows, of one split or of all."""

    split: Split | None = None
    limit: int = Field(100, ge=1, le=1000)
