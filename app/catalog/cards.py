"""The card: what a model is, where its weights are, how it is served, what it costs, how it was made."""

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from app.errors import SetupError

CARD_FILE = "card.toml"
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,99}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
RESERVED = "auto"


def not_reserved(name: str) -> str:
    """Raises ValueError for the name that no new model and no alias may have."""
    if name == RESERVED:
        raise ValueError(f"{name!r} is kept for requests that leave the choice of a model to Versus; choose another name")
    return name


NewName = Annotated[Name, AfterValidator(not_reserved)]
Method = Literal["pretrained", "scratch", "full", "lora", "instruct", "vocabulary"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


TaskKind = Literal["classification", "extraction", "text_to_text"]


class TrainedTask(_Part):
    """A task that the model was trained for, with the prompt it saw: `{input}` stands for the text."""

    name: str
    kind: TaskKind = "classification"
    prompt: str = Field("{input}", description="what the user turn holds; must contain {input}")
    labels: tuple[str, ...] = Field((), description="classification: at least 2")
    answers: tuple[str, ...] = Field((), description="what the model says for each label, in their order; empty: the labels")
    temperature: float = Field(
        1.0,
        gt=0,
        description="log-likelihoods of labels are divided by it, so that a probability is the share of right answers",
    )
    json_schema: dict[str, Any] = Field(
        default_factory=dict, description="extraction: of every answer, its fields in the order in which they are written"
    )

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "TrainedTask":
        if self.kind == "classification" and len(self.labels) < 2:
            raise ValueError("a classification needs at least 2 labels")
        if self.kind != "classification" and self.labels:
            raise ValueError(f"labels belong to a classification, and this is {self.kind}")
        if (self.kind == "extraction") != bool(self.json_schema):
            raise ValueError("a json_schema belongs to an extraction, and an extraction needs one")
        return self

    @model_validator(mode="after")
    def _each_label_has_its_answer(self) -> "TrainedTask":
        if self.answers and (len(set(self.answers)) != len(self.labels) or len(self.answers) != len(self.labels)):
            raise ValueError(f"{len(self.labels)} labels need as many different answers")
        return self

    def answer(self, label: str) -> str:
        """What the model says for `label`."""
        return self.answers[self.labels.index(label)] if self.answers else label

    @property
    def fields(self) -> list[str]:
        """Names at the top of what is extracted, in the order in which they are written; none for other kinds."""
        return [*self.json_schema.get("properties", {})]


class Made(_Part):
    """How the weights came to be."""

    recipe_digest: str = Field("", description="SHA-256 over recipe, base digest and dataset hashes: same digest, same model")
    recipe: dict[str, Any] = Field(default_factory=dict)
    datasets: tuple[str, ...] = Field((), description="dataset ids or sources")
    created: datetime | None = None
    seconds: float | None = Field(None, description="wall clock of the training, seconds")
    rows: dict[str, str] = Field(default_factory=dict, description="task -> SHA-256 over its training and validation rows")
    processes: int = Field(1, description="that trained it together, a batch each in every step")
    cpu_seconds: float | None = Field(None, description="of all processes of the training, all cores together")
    gpu_seconds: float | None = Field(None, description="wall clock with a GPU, times GPUs")
    energy_wh: float | None = Field(None, description="estimate: seconds times watts as assumed, watt-hours")
    energy_cost: float | None = Field(None, description="of that energy, US dollars")
    energy_assumed: str = Field("", description="watts and price that the estimate rests on")
    tokens: int | None = Field(None, description="tokens trained on, repeats counted")
    validation: dict[str, float] = Field(default_factory=dict, description="metric on the validation split -> value")
    refitted_on: tuple[str, ...] = Field(
        (),
        description="datasets whose validation rows the weights learned too, unlike those that `validation` is of: nothing may "
        "be chosen for this model on these rows",
    )


class Price(_Part):
    """What the model costs its user; zero for a model on one's own machine unless told otherwise."""

    input_per_million: float = 0.0
    output_per_million: float = 0.0
    per_hour: float = Field(0.0, ge=0, description="of the machine that serves it, for each hour that it answers")
    currency: str = "USD"


class Remote(_Part):
    """Where a model is that another server serves: any that speaks OpenAI's API."""

    url: str = Field(pattern=r"^https?://", description="base URL, with or without /v1")
    model: str = Field(min_length=1, description="what that server calls the model or the adapter")
    key_env: str = Field("", description="environment variable that holds the API key; empty: none is sent")
    echo: bool = Field(
        False,
        description="prompts are echoed with log-probabilities, and /tokenize tells ids: labels can be scored",
    )
    json_schema: bool = Field(True, description="response_format with a JSON schema is followed")
    choice: Literal["", "choice", "structured_outputs"] = Field(
        "", description="field by which the answer is held to some texts; empty: a JSON schema's enum would be needed"
    )
    penalties: bool = Field(False, description="penalties, min_p and logit_bias are known")
    timeout_s: float = Field(60.0, gt=0, description="longest silence before an answer, or within it, seconds")


class Card(_Part):
    """`models/<name>/card.toml` (version 1) or `models/<name>/<version>/card.toml`."""

    name: Name
    version: int = Field(1, ge=1)
    kind: Literal["general", "custom"]
    method: Method
    domain: str = "general"
    summary: str = ""
    licence: str = ""
    parent: str | None = Field(None, description="name@version of the base")
    parent_digest: str | None = None
    engine: Literal["embedded", "remote", "fake"] = "embedded"
    remote: Remote | None = Field(None, description="with engine = remote: where the model is")
    context: int = Field(1024, gt=0, description="most tokens, prompt and answer together")
    parameters: int = Field(gt=0, description="parameters that are computed with, the base's included")
    tasks: tuple[TrainedTask, ...] = ()
    made: Made = Made()
    price: Price = Price()
    sources: tuple[str, ...] = Field((), description="data the weights come from, with licence")

    @model_validator(mode="after")
    def _remote_goes_with_its_engine(self) -> "Card":
        if (self.engine == "remote") != (self.remote is not None):
            raise ValueError('a [remote] table goes with engine = "remote"')
        return self

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    def task(self, name: str) -> TrainedTask | None:
        return next((task for task in self.tasks if task.name == name), None)


def read_card(path: Path) -> Card:
    """Raises SetupError that names the file and the field."""
    try:
        return Card.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is not readable as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SetupError(f"{path}: {where}: {first['msg']}; mend the card") from error


def write_card(card: Card, path: Path) -> None:
    path.write_text(to_toml(card.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | {"version": card.version}))


def to_toml(document: dict[str, Any]) -> str:
    """The part of TOML that cards need: scalars and lists first, then tables, then arrays of tables."""
    return "\n".join(_table(document, ())) + "\n"


def _table(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    lines, nested = [], []
    for key, value in table.items():
        if isinstance(value, dict):
            nested += ["", f"[{'.'.join((*path, _key(key)))}]", *_table(value, (*path, _key(key)))]
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for item in value:
                nested += ["", f"[[{'.'.join((*path, _key(key)))}]]", *_table(item, (*path, _key(key)))]
        elif value is not None:
            lines.append(f"{_key(key)} = {_scalar(value)}")
    return lines + nested


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _string(key)


def _scalar(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list():
            return "[" + ", ".join(_scalar(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_key(str(key))} = {_scalar(item)}" for key, item in value.items()) + "}"
        case _:
            return _string(str(value))


def _string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
