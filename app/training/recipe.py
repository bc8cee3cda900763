"""A recipe: everything that decides which weights come out of a training, as data."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from app.catalog.cards import NewName, TaskKind
from app.errors import SetupError

CODE = 4  # raise it when the same recipe would come to other weights

Contestant = Literal["lora", "full"]  # how weights are moved, whatever they begin with; auto lets the two race
Method = Literal["auto", "lora", "full", "instruct", "vocabulary", "scratch"]
READING: tuple[Method, ...] = ("scratch", "vocabulary")  # methods that read texts before they learn the task
TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,99}$")]


class TaskRecipe(BaseModel):
    """One thing that the variant learns: which label, which fields, which answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: TaskName = Field(description="how requests name the task")
    dataset: str = Field(description="id or name of the dataset of texts with their labels, fields or answers")
    kind: TaskKind = Field(
        "classification",
        exclude_if=lambda kind: kind == "classification",  # recipes of before there were kinds keep their digest
        description="of the dataset, which tells it: may be left out",
    )
    prompt: str = Field(
        "",
        description="the user turn, with {input} for the text; empty means the text, after "
        "its task's name where there are several; with instruct for text_to_text only",
    )

    @model_validator(mode="after")
    def _has_input(self) -> "TaskRecipe":
        if self.prompt and "{input}" not in self.prompt:
            raise ValueError("the prompt must contain {input}, which stands for the text")
        return self


class Options(BaseModel):
    """The knobs of a training. The defaults suit the model in the box on two processor cores."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, lt=2**31, description="same seed, data and base: same weights, on a processor")
    epochs: float = Field(4.0, gt=0, le=1000, description="times that every training row is seen")
    minutes: float | None = Field(None, gt=0, description="wall clock to fit into; cuts the epochs by the speed measured first")
    batch_tokens: int = Field(2048, ge=64, le=2**20, description="tokens of one step, padding included")
    learning_rate: float | None = Field(None, gt=0, lt=1, description="peak rate; empty means the method's own")
    rank: int = Field(32, ge=1, le=512, description="LoRA: width of the update of each matrix")
    alpha: float = Field(64.0, gt=0, description="LoRA: the update is scaled by alpha / rank")
    targets: tuple[str, ...] = Field(
        ("all-linear", "embeddings"),
        min_length=1,
        description="LoRA: names of modules that are adapted; all-linear: every linear layer but the output; embeddings: the "
        "input embedding, which gives the words of the domain their own meaning",
    )
    dropout: float = Field(
        0.0,
        ge=0,
        le=0.9,
        exclude_if=lambda share: share == 0,  # recipes of before there was dropout keep their digest
        description="share of the embeddings and of what each layer adds that is left out at random while the task is learned; "
        "meant for rows that are few and seen often",
    )
    prompt_weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="what a token of the text counts for beside one of the label; empty means the method's own",
    )
    language_epochs: float = Field(
        8.0, gt=0, le=1000, description="scratch, vocabulary: times that the texts are read before the task is learned"
    )
    language_share: float = Field(
        0.35, gt=0, lt=1, description="scratch, vocabulary: share of the minutes that reading may take"
    )
    new_tokens: int = Field(500, ge=1, le=100_000, description="vocabulary: most words that become tokens")
    vocabulary: int = Field(4096, ge=300, le=2**18, description="scratch: tokens of the new tokenizer")
    context: int = Field(512, ge=32, le=2**17, description="scratch: most tokens, prompt and answer together")
    hidden: int = Field(192, ge=16, le=2**14, description="scratch: width of the model")
    layers: int = Field(6, ge=1, le=200, description="scratch: layers of the model")
    heads: int = Field(6, ge=1, le=256, description="scratch: attention heads of a layer")
    mlp: int = Field(512, ge=16, le=2**16, description="scratch: width inside a layer")
    balance: float = Field(0.3, ge=0, le=1, description="0: every row counts the same; 1: every label counts the same")
    validations: int = Field(
        5, ge=1, le=1000, description="how often validation is scored, spread evenly; the best weights stay"
    )
    patience: int = Field(0, ge=0, description="stop after so many validations in a row without a better one; 0 never does")
    refit: bool = Field(
        False,
        exclude_if=lambda refit: not refit,  # recipes of before there was a refit keep their digest
        description="once validation has chosen the weights: train anew on training and validation rows together, as many "
        "epochs as had led to them; what is told of validation is of the weights before",
    )


def check(method: Method, tasks: Sequence[TaskRecipe], texts: Sequence[str], options: Options) -> None:
    """Raises ValueError, which says what to change, for parts that do not go together."""
    if len({task.name for task in tasks}) < len(tasks):
        raise ValueError("two tasks have the same name; name each once")
    if texts and method not in READING:
        raise ValueError(f"the method {method} reads no texts; leave them out, or use scratch or vocabulary")
    if method == "scratch" and options.hidden % (2 * options.heads):
        raise ValueError(
            f"hidden ({options.hidden}) must be a multiple of twice the heads ({options.heads}); change one of them"
        )


class Recipe(Options):
    """A variant to be made: what, from what, for what, and the knobs."""

    name: NewName = Field(description="the variant's name in the catalog")
    method: Method = Field("auto", description="auto tries each method for a short while and takes what validation prefers")
    base: str = Field("general", description="name or name@version of the model that it is made from")
    domain: str = Field("", max_length=200, description="what the variant is for, shown in the catalog")
    tasks: tuple[TaskRecipe, ...] = Field(min_length=1, max_length=20, description="one model can learn several")
    texts: tuple[str, ...] = Field(
        (),
        max_length=20,
        description="scratch, vocabulary: ids or names of datasets of any kind, whose training texts are read before the task, "
        "beside the task's own",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        check(self.method, self.tasks, self.texts, self)
        return self

    def template(self, task: TaskRecipe) -> str:
        """The user turn of `task`: as short as tells the tasks apart."""
        return task.prompt or ("{input}" if len(self.tasks) == 1 else f"{task.name}: {{input}}")

    def for_method(self, method: Contestant, share: float = 1.0) -> "Recipe":
        """The same recipe by one method, for a share of its epochs."""
        return self.model_copy(update={"method": method, "epochs": self.epochs * share})


def read_recipe(path: Path) -> Recipe:
    """Raises SetupError that names the file and the field."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is not readable as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SetupError(f"{path}: {where or 'recipe'}: {first['msg']}") from error
