"""All tables of Versus in one place: plain nouns, one class each."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, now


class Generation(Base):
    """One generated answer, as it left the engine."""

    __tablename__ = "generation"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    route: Mapped[str] = mapped_column(String(32))  # chat, completions, compare, classify
    request_id: Mapped[str] = mapped_column(String(64), index=True)  # rows of one request share it
    position: Mapped[int]  # of this answer within its request
    model: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64), index=True)
    prompt: Mapped[str] = mapped_column(Text)
    sampling: Mapped[dict[str, Any]]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(Text)
    finish_reason: Mapped[str | None] = mapped_column(String(32))
    prompt_tokens: Mapped[int | None]  # None: cut off before the engine told
    completion_tokens: Mapped[int]
    queue_ms: Mapped[float | None]
    ttft_ms: Mapped[float | None]
    total_ms: Mapped[float]
    error: Mapped[str | None] = mapped_column(Text)


class Classification(Base):
    """One input decided by one model by scoring labels."""

    __tablename__ = "classification"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    request_id: Mapped[str] = mapped_column(String(64), index=True)
    position: Mapped[int]
    model: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64), index=True)
    task: Mapped[str | None] = mapped_column(String(200))
    input: Mapped[str] = mapped_column(Text)
    prompt: Mapped[str] = mapped_column(Text)  # the user turn as the model saw it: wording, labels, examples
    scoring: Mapped[str] = mapped_column(String(16), server_default="sum")  # or mean, calibrated
    label: Mapped[str] = mapped_column(Text)
    probabilities: Mapped[dict[str, Any] | None]
    label_mass: Mapped[float | None]
    margin: Mapped[float | None]
    bounds: Mapped[dict[str, Any] | None]  # of probability and label_mass, where only the best label was wanted
    prompt_tokens: Mapped[int]
    queue_ms: Mapped[float | None]
    total_ms: Mapped[float]


class Comparison(Base):
    """One input given to several models at once."""

    __tablename__ = "comparison"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    kind: Mapped[str] = mapped_column(String(16))  # generate, classify
    input: Mapped[dict[str, Any]]  # messages, prompt, or task and text, as they came
    sampling: Mapped[dict[str, Any]]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    agreement: Mapped[float | None]
    first_divergence: Mapped[dict[str, Any] | None]


class ComparisonOutput(Base):
    """What one model answered in a comparison, or why it did not."""

    __tablename__ = "comparison_output"
    comparison_id: Mapped[str] = mapped_column(ForeignKey("comparison.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(200))
    version: Mapped[int | None]
    digest: Mapped[str | None] = mapped_column(String(64))
    text: Mapped[str | None] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[dict[str, Any] | None]  # probabilities, label_mass, margin, finish_reason
    usage: Mapped[dict[str, Any] | None]
    timing: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]


class Dataset(Base):
    """One immutable version of rows, named by the hash of its content."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("name", "version"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)  # over name, kind, rows and splits
    kind: Mapped[str] = mapped_column(String(32), default="classification", server_default="classification")
    source: Mapped[str] = mapped_column(Text)  # file name or generator with its seed
    text_column: Mapped[str] = mapped_column(String(200))
    label_column: Mapped[str] = mapped_column(String(200))  # of what belongs to the text; empty where nothing does
    split: Mapped[dict[str, Any]]  # strategy, column, fractions, seed
    columns: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))  # kept beside text and target
    labels: Mapped[list[Any]]  # most frequent in training first
    counts: Mapped[dict[str, Any]]  # split -> label -> rows
    notes: Mapped[list[Any]]  # what was dropped or changed on the way in, as sentences
    sizes: Mapped[dict[str, Any] | None]  # split -> rows; none for older versions, whose counts tell them
    report: Mapped[dict[str, Any] | None]  # lengths, language, leakage, ..; none for generated rows
    rows: Mapped[int]


class DatasetRow(Base):
    """One text and what belongs to it."""

    __tablename__ = "dataset_row"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(String(16))  # train, validation, test
    text: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)  # by kind: the label, the fields as JSON, the answer, or nothing
    columns: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # kept column -> its cell
    __table_args__ = (Index("ix_dataset_row_dataset_id_split", "dataset_id", "split"),)


class TrainingRun(Base):
    """One making of a variant."""

    __tablename__ = "training_run"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    name: Mapped[str] = mapped_column(String(200), index=True)
    recipe: Mapped[dict[str, Any]]
    recipe_digest: Mapped[str] = mapped_column(String(64), index=True)
    queue: Mapped[str] = mapped_column(String(32), server_default="training")  # whose workers may take it
    status: Mapped[str] = mapped_column(String(16))  # queued, running, succeeded, failed, cancelled
    progress: Mapped[dict[str, Any]]
    model: Mapped[str | None] = mapped_column(String(200))  # name@version, when done
    error: Mapped[str | None] = mapped_column(Text)


class BenchmarkTask(Base):
    """One version of a task that a user defined; it never changes."""

    __tablename__ = "benchmark_task"
    __table_args__ = (UniqueConstraint("name", "version"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    removed_at: Mapped[datetime | None]  # kept for the runs that used it
    name: Mapped[str] = mapped_column(String(200), index=True)
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))  # over the definition
    definition: Mapped[dict[str, Any]]


class Run(Base):
    """One benchmark run: arms x task."""

    __tablename__ = "run"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    task: Mapped[str] = mapped_column(String(200), index=True)
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("dataset.id"))
    config: Mapped[dict[str, Any]]  # arms with digests, repeats, rewordings, limit, seed, concurrency
    status: Mapped[str] = mapped_column(String(16))
    progress: Mapped[dict[str, Any]]
    summary: Mapped[dict[str, Any] | None]  # the table and the verdict, when done
    error: Mapped[str | None] = mapped_column(Text)


class Prediction(Base):
    """One arm's answer to one case under one condition; the key makes a resumed run unable to duplicate it."""

    __tablename__ = "prediction"
    run_id: Mapped[str] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    arm: Mapped[str] = mapped_column(String(200), primary_key=True)
    case_id: Mapped[int] = mapped_column(primary_key=True)  # position of the row in its dataset
    condition: Mapped[str] = mapped_column(String(32), primary_key=True)  # base, rerun-1.., reword-1..
    gold: Mapped[str] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)  # None: the answer was none of the labels
    probabilities: Mapped[dict[str, Any] | None]
    label_mass: Mapped[float | None]
    label_tokens: Mapped[dict[str, Any] | None]  # of each label, the end of the answer included
    calibration_temperature: Mapped[float | None]  # None: no temperature was fitted, or the run is older than this column
    text: Mapped[str | None] = mapped_column(Text)  # what a model said, before it was read as a label; None: labels were scored
    bits: Mapped[float | None]  # of a text that was read, not answered: -log2 of its likelihood
    prompt_sha256: Mapped[str | None] = mapped_column(String(64))  # of the user turn as the model saw it
    seed: Mapped[int | None] = mapped_column(BigInteger)  # of a generated answer
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    latency_ms: Mapped[float | None]  # over HTTP; None where the request held other cases too
    queue_ms: Mapped[float | None]  # these three as the service tells them
    ttft_ms: Mapped[float | None]
    engine_ms: Mapped[float | None]
    digest: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)  # why there is no answer; the case then counts as wrong
    error_code: Mapped[str | None] = mapped_column(String(64))


class StoredVerdict(Base):
    """One verdict on two arms of a run: what was asked, and the answer with all of its numbers."""

    __tablename__ = "verdict"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    decision: Mapped[str] = mapped_column(String(32))  # custom, general, cascade, not enough evidence
    sentence: Mapped[str] = mapped_column(Text)
    request: Mapped[dict[str, Any]]
    verdict: Mapped[dict[str, Any]]


class Scorecard(Base):
    """The five reasons for a custom model, measured for one pair on one task."""

    __tablename__ = "scorecard"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    task: Mapped[str] = mapped_column(String(200), index=True)
    config: Mapped[dict[str, Any]]  # the pair with digests and prices, the runs that it reads, sizes, seed
    status: Mapped[str] = mapped_column(String(16))
    progress: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]  # the reasons with their states, when done
    error: Mapped[str | None] = mapped_column(Text)


class Worker(Base):
    """A job worker that was seen, and the queues that it takes jobs of."""

    __tablename__ = "worker"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[str] = mapped_column(String(32))
    queues: Mapped[list[str] | None] = mapped_column(JSON)  # None: of a version that told none
