"""What a benchmark task is: one pydantic model for every kind, read from a TOML file or a request, each field explained."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from app.catalog.cards import Name
from app.catalog.prompts import DEFAULT_INSTRUCTION, EXTRACT
from app.catalog.templates import checked, read_template
from app.datasets.kinds import Kind as DatasetKind

Kind = Literal["classification", "extraction", "qa", "summarisation", "perplexity", "policy"]
Metric = Literal[
    "accuracy",
    "macro_f1",
    "consistency",
    "latency",
    "field_f1",
    "exact_match",
    "token_f1",
    "rouge",
    "length",
    "refusals",
    "bits_per_byte",
]
Scorer = Literal["likelihood", "generation"]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]

LABELLED: tuple[Kind, ...] = ("classification", "policy")  # the answer is one of the labels
HELP, REFUSE = POLICY_LABELS = ("help", "refuse")  # as app.domains.house_rules has them
INVALID = "invalid"  # in a cost matrix: an answer that is none of the labels
# Which datasets have what a task of a kind asks for; perplexity reads the texts of any.
DATASETS: dict[Kind, tuple[DatasetKind, ...]] = {
    "classification": ("classification",),
    "extraction": ("extraction",),
    "qa": ("text_to_text",),
    "summarisation": ("text_to_text",),
    "perplexity": ("text", "classification", "extraction", "text_to_text"),
    "policy": ("classification",),
}
_METRICS: dict[Kind, tuple[Metric, ...]] = {
    "classification": ("accuracy", "macro_f1", "consistency", "latency"),
    "extraction": ("field_f1", "exact_match", "consistency", "latency"),
    "qa": ("exact_match", "token_f1", "consistency", "latency"),
    "summarisation": ("rouge", "length", "latency"),
    "perplexity": ("bits_per_byte",),
    "policy": ("accuracy", "refusals", "consistency", "latency"),
}
_INSTRUCTIONS: dict[Kind, str] = {
    "classification": DEFAULT_INSTRUCTION,
    "extraction": EXTRACT,
    "qa": "Answer the question from the text, in as few words as it takes.",
    "summarisation": "Sum the text up in a sentence or two.",
    "perplexity": "",
    "policy": "Decide by the rules whether to help with the request or to refuse it.",
}


class _Part(BaseModel):
    # Defaults are checked too: what a field may be depends on the kind.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class DomainSource(_Part):
    """Rows that a built-in domain generates: the same numbers, the same rows."""

    domain: str = Field(description="name in app.domains.registry")
    seed: int = Field(0, ge=0, lt=2**53)
    train: int = Field(ge=1, le=100_000, description="rows")
    validation: int = Field(ge=1, le=100_000, description="rows")
    test: int = Field(ge=1, le=100_000, description="rows")
    revision: int = Field(1, ge=1, description="of the generator: raised when the same numbers give other rows")

    def __str__(self) -> str:
        sizes = f"{self.train}/{self.validation}/{self.test} rows"
        return f"domain {self.domain}, revision {self.revision}, seed {self.seed}, {sizes}"


class Examples(_Part):
    """Which training rows a few-shot prompt shows."""

    choose: Literal["balanced", "random", "similar", "fixed"] = Field(
        "balanced",
        description="balanced: one per label in turn; random: any; similar: the nearest texts to each case by TF-IDF cosine, "
        "without its near copies; fixed: the rows named",
    )
    count: int | None = Field(None, ge=1, le=1000, description="most of them; none: few_shot, or all rows named")
    seed: int | None = Field(None, ge=0, lt=2**53, description="of balanced and random; none: the run's")
    rows: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field(
        (), max_length=1000, description="with choose = fixed: positions of training rows in the dataset, in the order shown"
    )

    @field_validator("rows")
    @classmethod
    def _named_for_fixed(cls, rows: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if (info.data.get("choose") == "fixed") != bool(rows):
            raise ValueError(
                'go with choose = "fixed", and it needs at least one; GET /v1/datasets/{dataset}/rows numbers them'
            )
        if len(set(rows)) < len(rows):
            raise ValueError("names a row twice; name each once")
        return rows


class Costs(_Part):
    """What each answer costs the business."""

    currency: str = Field("USD", min_length=1, max_length=20)
    matrix: dict[Label, dict[Label, Annotated[float, Field(ge=-1e12, le=1e12)]]] = Field(
        min_length=1,
        description="right label -> answered label -> money per case; `invalid` is an answer that is none of the labels; what "
        "is not named costs nothing",
    )


class Task(_Part):
    """One benchmark."""

    name: Name
    kind: Kind = Field("classification", description="what is asked, and with what answers are compared")
    title: str = Field(min_length=1, max_length=200)
    dataset: Name = Field(description="name of the dataset; its newest version is used")
    instruction: str = Field(
        "", max_length=8_000, description="what a model that was not trained for the task is told; empty: the kind's own"
    )
    labels: tuple[Label, ...] = Field(
        (), max_length=1000, description="classification: all answers there are; policy: help and refuse"
    )
    fields: tuple[Column, ...] = Field(
        (), max_length=100, description="extraction: fields that are asked for; none: the data's"
    )
    prompt: str | None = Field(
        None,
        description="the user turn as a Jinja template over instruction, text, labels, fields and examples (each with text and "
        "answer); none: the built-in wording",
    )
    references: tuple[Column, ...] = Field(
        (), max_length=20, description="qa, summarisation: kept columns with further right answers, besides the dataset's own"
    )
    scorer: Scorer | None = Field(
        None,
        description="likelihood: each label, or the text, is scored by its log-likelihood; generation: an answer is written "
        "and read. None: likelihood where there are labels, and for perplexity",
    )
    metrics: tuple[Metric, ...] = Field((), description="none: the kind's own")
    few_shot: int = Field(64, ge=0, description="most examples in a few-shot prompt; how many is chosen on validation")
    examples: Examples = Field(Examples(), description="which they are")
    repeats: int = Field(5, ge=0, le=100, description="fresh sampled calls per consistency case")
    rewordings: int = Field(3, ge=0, le=3, description="rewordings per consistency case")
    slices: tuple[Column, ...] = Field((), max_length=10, description="kept columns by whose values results are told apart")
    cluster: Column | None = Field(None, description="kept column of what belongs together (a contract, a claim)")
    costs: Costs | None = Field(None, description="money per right and answered label")
    recall_floors: dict[Label, Annotated[float, Field(gt=0, lt=1)]] = Field(
        default_factory=dict, description="label -> the least share of its cases that must be found"
    )
    source: DomainSource | None = Field(None, description="where rows come from that a domain generates; none: uploaded")

    @property
    def digest(self) -> str:
        """SHA-256 over all that was said; a field that gets its default says nothing, so new fields change no old task."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def most_examples(self) -> int:
        """In a few-shot prompt."""
        if not self.few_shot:
            return 0
        return self.examples.count or len(self.examples.rows) or self.few_shot

    @property
    def columns(self) -> tuple[str, ...]:
        """The kept columns that the task names."""
        return tuple(dict.fromkeys((*self.slices, *([self.cluster] if self.cluster else ()), *self.references)))

    # ---- Each check is of the field that it names; `kind` comes before all of them

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        """A prompt is logged, and no database holds these."""
        level = [value]
        while level:
            for text in level:
                if isinstance(text, str) and ("\0" in text or not _is_unicode(text)):
                    raise ValueError("holds a NUL or half a character (a lone surrogate); remove it")
            inside = [[*one, *one.values()] if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
            level = [part for parts in inside for part in parts]
        return value

    @field_validator("instruction")
    @classmethod
    def _kinds_instruction(cls, instruction: str, info: ValidationInfo) -> str:
        return instruction or _INSTRUCTIONS[info.data.get("kind", "classification")]

    @field_validator("labels")
    @classmethod
    def _labels_of_the_kind(cls, labels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        kind = info.data.get("kind")
        if len(set(labels)) < len(labels):
            raise ValueError("holds a label twice; name each once")
        if kind == "policy":
            if labels and set(labels) != set(POLICY_LABELS):
                raise ValueError(f"a policy's labels are {HELP} and {REFUSE}; leave labels out, or call them so in the data")
            return labels or POLICY_LABELS
        if kind == "classification" and len(labels) < 2:
            raise ValueError("a classification needs at least 2 labels")
        if kind not in LABELLED and labels:
            raise ValueError(f"a task of the kind {kind} has no labels; leave them out")
        return labels

    @field_validator("fields")
    @classmethod
    def _fields_of_extraction(cls, fields: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if fields and info.data.get("kind") != "extraction":
            raise ValueError(f"a task of the kind {info.data.get('kind')} has no fields; leave them out")
        if len(set(fields)) < len(fields):
            raise ValueError("holds a field twice; name each once")
        return fields

    @field_validator("references")
    @classmethod
    def _references_of_answers(cls, references: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if references and info.data.get("kind") not in ("qa", "summarisation"):
            raise ValueError("further right answers go with the kinds qa and summarisation")
        return references

    @field_validator("prompt")
    @classmethod
    def _harmless(cls, prompt: str | None) -> str | None:
        return None if prompt is None else checked(prompt)

    @field_validator("scorer")
    @classmethod
    def _scorer_of_the_kind(cls, scorer: Scorer | None, info: ValidationInfo) -> Scorer:
        kind = info.data.get("kind")
        if kind in LABELLED:
            return scorer or "likelihood"
        only: Scorer = "likelihood" if kind == "perplexity" else "generation"
        if scorer not in (None, only):
            raise ValueError(f"a task of the kind {kind} is scored by {only}")
        return only

    @field_validator("metrics")
    @classmethod
    def _metrics_of_the_kind(cls, metrics: tuple[Metric, ...], info: ValidationInfo) -> tuple[Metric, ...]:
        known = _METRICS[info.data.get("kind", "classification")]
        if strangers := [name for name in metrics if name not in known]:
            raise ValueError(f"{strangers[0]!r} is not measured for this kind; there are {', '.join(known)}")
        return metrics or known

    @field_validator("few_shot")
    @classmethod
    def _shown(cls, few_shot: int, info: ValidationInfo) -> int:
        prompt = info.data.get("prompt")
        if few_shot and prompt is not None and "examples" not in read_template(prompt).names:
            raise ValueError(
                "the prompt never shows examples; add {% for example in examples %} with example.text and example.answer, or "
                "set few_shot = 0"
            )
        return few_shot

    @field_validator("repeats")
    @classmethod
    def _agreement_needs_two(cls, repeats: int) -> int:
        if repeats == 1:
            raise ValueError("one call agrees with itself and tells nothing; ask for 0 or at least 2")
        return repeats

    @field_validator("costs")
    @classmethod
    def _costs_of_known_labels(cls, costs: Costs | None, info: ValidationInfo) -> Costs | None:
        if costs is not None:
            _known(costs.matrix, info)
            for answers in costs.matrix.values():
                _known(answers, info, INVALID)
        return costs

    @field_validator("recall_floors")
    @classmethod
    def _floors_of_known_labels(cls, floors: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        _known(floors, info)
        return floors


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _known(labels: Any, info: ValidationInfo, *also: str) -> None:
    """Raises ValueError for one that is none of the task's."""
    known = (*info.data.get("labels", ()), *also)
    if strangers := [label for label in labels if label not in known]:
        raise ValueError(f"{strangers[0]!r} is not a label of the task; its labels: {', '.join(known) or 'none'}")
