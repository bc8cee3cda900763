"""The wire of datasets."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.catalog.cards import Name
from app.database.tables import Dataset, DatasetRow
from app.datasets.kinds import EXPORTED, Kind, Role, target
from app.datasets.looks import Looks
from app.datasets.splits import LabelledRow, Split, Strategy

Column = Annotated[str, Field(max_length=200)]
MAX_KEPT = 20  # columns kept beside text and target
Drop = Literal["none", "exact", "near"]


class DatasetIn(BaseModel):
    """How an uploaded file becomes a dataset."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = Field(None, description="by default the file's; a name that exists gets a new version")
    kind: Kind | None = Field(None, description="by default that of the column named beside the text, else guessed")
    text: Column | None = Field(None, description="column that holds the text; by default guessed")
    label: Column | None = Field(None, description="classification: column that holds the label; by default guessed")
    answer: Column | None = Field(None, description="text_to_text: column that holds the summary or answer")
    fields: Annotated[str, Field(max_length=2000)] | None = Field(
        None, description="extraction: a column of objects, or columns separated by commas, each a field"
    )
    split: Strategy | None = Field(
        None, description="by default `given` with a test file, `time`, `group` or `given` with split_by, else `random`"
    )
    split_by: Column | None = Field(
        None,
        description="column of dates (split=time), groups (split=group) or the words train, validation, test (split=given)",
    )
    fractions: str = Field("0.7,0.1,0.2", max_length=100, description="shares of train, validation and test")
    clean: bool = Field(True, description="take off what nobody sees in texts; labels are never changed")
    drop: Drop = Field(
        "exact",
        description="rows of train and validation to leave out: those that a later split has word for word, or nearly too",
    )
    similarity: float = Field(
        0.8, ge=0.5, le=1, description="Jaccard similarity of 5-character pieces from which texts are nearly the same"
    )
    top: int | None = Field(None, ge=2, le=1000, description="keep the rows of so many most frequent labels")
    keep: Annotated[str, Field(max_length=4000)] | None = Field(
        None,
        description=f"columns, separated by commas and at most {MAX_KEPT}, kept as text beside each row: a benchmark's slices "
        "and clusters",
    )
    seed: int = Field(0, ge=0, lt=2**53, description="of a split at random or by group")
    delimiter: Literal[",", ";", "|", "tab"] | None = Field(None, description="of a CSV file, where it is not the comma")

    @field_validator("keep")
    @classmethod
    def _columns_of_their_own(cls, keep: str | None) -> str | None:
        names = _listed(keep)
        if len(names) > MAX_KEPT:
            raise ValueError(f"names {len(names)} columns, and at most {MAX_KEPT} are kept; name fewer")
        if len(set(names)) < len(names):
            raise ValueError("names a column twice; name each once")
        if taken := [name for name in names if name in EXPORTED]:
            raise ValueError(f"{taken[0]!r} is what an export calls a column of its own; rename the column in the file")
        return keep

    @property
    def kept(self) -> list[str]:
        """The columns that `keep` names."""
        return _listed(self.keep)


def _listed(names: str | None) -> list[str]:
    return [name.strip() for name in (names or "").split(",") if name.strip()]


class ChoiceOut(BaseModel):
    """What a column is for. `confidence` is 1 where it was named."""

    role: Role
    columns: list[str]
    named: bool
    confidence: float
    reasons: list[str]


class QuantilesOut(BaseModel):
    """Of a length over all rows."""

    mean: float
    min: int
    p5: float
    median: float
    p95: float
    max: int


class LengthsOut(BaseModel):
    """How long texts are."""

    characters: QuantilesOut
    words: QuantilesOut


class LanguageOut(BaseModel):
    """Of the texts: `unknown` unless most of those that can be told agree."""

    language: str
    shares: dict[str, float] = Field(description="language -> share of the sampled texts")
    sampled: int


class LeakExampleOut(BaseModel):
    """Two rows of two splits with the same or nearly the same text, cut to 200 characters."""

    exact: bool
    similarity: float
    texts: tuple[str, str]
    targets: tuple[str, str]


class LeakPairOut(BaseModel):
    """Rows of one split that another has: word for word (`exact`), or nearly only (`near`)."""

    splits: tuple[Split, Split]
    exact: dict[str, int] = Field(description="split -> rows of it")
    near: dict[str, int] = Field(description="split -> rows of it")
    examples: list[LeakExampleOut]


class LeakageOut(BaseModel):
    """What splits share, before anything was dropped."""

    method: str
    similarity: float = Field(description="Jaccard similarity from which two texts are nearly the same")
    pairs: list[LeakPairOut]
    complete: bool = Field(description="false: so many texts are alike that not all were compared; the counts are the least")
    dropped: dict[str, int] = Field(description="split -> rows left out of it; of test never any")


class FieldOut(BaseModel):
    """A field of an extraction dataset."""

    filled: int = Field(description="rows in which it holds a text or a number")
    in_text: int = Field(description="rows in which something that it holds stands word for word in the text")


class ReportOut(BaseModel):
    """What was found on the way in."""

    kind_confidence: float
    columns: list[ChoiceOut]
    cleaned: dict[str, int] = Field(description="change -> texts that it was made in")
    lengths: dict[str, LengthsOut] = Field(description="of `text`, and of `answer` where there is one")
    language: LanguageOut
    labels_alike: list[list[str]] = Field(description="labels that differ only by case or space")
    contradictions: int = Field(description="texts that come with more than one label")
    fields: dict[str, FieldOut] = Field(description="extraction: field -> how often it is there")
    leakage: LeakageOut


class ContentOut(BaseModel):
    """What a version holds, or would hold."""

    name: str
    kind: Kind
    source: str
    text_column: str
    label_column: str | None = Field(description="of the label, answer or fields; none for texts alone")
    split: dict[str, Any] = Field(description="strategy, column, fractions, seed")
    rows: int
    sizes: dict[str, int] = Field(description="split -> rows")
    columns: list[str] = Field(description="kept beside text and target, as text")
    labels: list[str] = Field(description="classification: most frequent in training first")
    counts: dict[str, dict[str, int]] = Field(description="classification: split -> label -> rows")
    notes: list[str] = Field(description="what was assumed, dropped or found on the way in")
    report: ReportOut | None = Field(description="none for generated data and what was uploaded to an older Versus")


_WORKED_OUT = ("label_column", "columns", "sizes", "report")


class DatasetOut(ContentOut):
    """One immutable version."""

    id: str
    created_at: datetime
    version: int
    sha256: str = Field(description="over name, rows, their splits and kept columns")

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        return cls(
            **{name: getattr(dataset, name) for name in cls.model_fields if name not in _WORKED_OUT},
            columns=dataset.columns or [],
            sizes=dataset.sizes or {split: sum(labels.values()) for split, labels in dataset.counts.items()},
            label_column=dataset.label_column or None,
            report=ReportOut.model_validate(dataset.report) if dataset.report else None,
        )


class DatasetListOut(BaseModel):
    """Datasets, newest first."""

    data: list[DatasetOut]
    next_cursor: str | None


class DatasetRowOut(BaseModel):
    """One text with what belongs to it: that of the dataset's kind."""

    model_config = ConfigDict(extra="forbid")

    position: int
    split: Split
    text: str
    label: str | None = Field(None, description="classification")
    answer: str | None = Field(None, description="text_to_text")
    fields: dict[str, Any] | None = Field(None, description="extraction")
    columns: dict[str, str] | None = Field(None, description="kept beside them, where there are any")

    @classmethod
    def of(cls, kind: str, position: int, row: LabelledRow | DatasetRow) -> Self:
        """`row.label` is what is stored for the kind."""
        known = {"position": position, "split": row.split, "text": row.text, "columns": row.columns}
        return cls.model_validate({**known, **target(kind, row.label)})


class DatasetRowListOut(BaseModel):
    """Rows in the order of the file."""

    data: list[DatasetRowOut]
    next_cursor: str | None


class PreviewOut(BaseModel):
    """What an upload would make; nothing of it is stored."""

    source: str
    columns: list[Looks]
    problem: str | None = Field(description="why the upload would be refused, and what to do; none: it would be taken")
    dataset: ContentOut | None = Field(description="what it would hold; none where it cannot be made")
    rows: list[DatasetRowOut] = Field(description="the first of them")


class PageIn(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str, Field(max_length=200)] | None = Field(None, description="next_cursor of the page before")
    limit: int = Field(20, ge=1, le=1000)


class RowsPageIn(PageIn):
    """A page of rows, of one split or of all."""

    split: Split | None = None
    limit: int = Field(100, ge=1, le=1000)
