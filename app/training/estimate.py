"""What a training will need, memory and disk, told from its recipe and its base before it starts; without torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.catalog.catalog import ModelVersion
from app.errors import SetupError
from app.training.recipe import Recipe

FLOAT, HALF = 4, 2  # bytes of a number in training, and of one in a finished model
# Floats that a layer keeps of each token until its backward pass, in widths of the model and of its inside; counted from the
# operations of a Llama layer and checked against measured peaks (tests/training/test_estimate.py).
KEPT_HIDDEN, KEPT_MLP = 16, 4
KEPT_DROPOUT = 2  # beside them, in widths of the model, where dropout keeps what it left out
KEPT_LOGITS = 4  # logits, as floats, their softmax, its gradient
TOKEN_BYTES = 36  # of a token of a row while it waits: a pointer and a Python number
PACKED_BYTES = 12  # of a token of a packed batch that waits: id, weight, position
COUNTED = 0.25  # of a batch's tokens, where answers alone are learned and nothing is known of their length
SCORED_LOGITS = 2**28  # bytes that scoring a batch of labels takes
FRAGMENTS = 1.15  # memory held for what is needed
CHECKPOINTS = 3  # two are kept, and a third is written before one of them goes
PROCESS = 400 * 2**20  # bytes of memory: Python and its libraries, in each process beside the one that starts them
OVERHEAD = 64 * 2**20  # bytes of memory: tokenizer, threads, buffers


@dataclass(frozen=True)
class Shape:
    """What the size of a model comes from; `parameters` in numbers, the rest in widths."""

    parameters: int
    vocabulary: int
    hidden: int
    layers: int
    mlp: int


@dataclass(frozen=True)
class Need:
    """Bytes at most at one time: memory beyond that of the process, disk in the data folder."""

    memory: int
    disk: int
    each: int = 0  # of the memory, what one of its processes needs where the model is


def shape_of(recipe: Recipe, base: ModelVersion) -> Shape:
    """Of the model that will be trained. Raises SetupError for a base whose config.json cannot be read."""
    if recipe.method == "scratch":
        layer = 4 * recipe.hidden**2 + 3 * recipe.hidden * recipe.mlp
        return Shape(
            recipe.vocabulary * recipe.hidden + recipe.layers * layer,
            recipe.vocabulary,
            recipe.hidden,
            recipe.layers,
            recipe.mlp,
        )
    shape = read_shape(base.folder, base.card.parameters)
    if recipe.method != "vocabulary":
        return shape
    more = recipe.new_tokens * shape.hidden
    return Shape(shape.parameters + more, shape.vocabulary + recipe.new_tokens, shape.hidden, shape.layers, shape.mlp)


def read_shape(folder: Path, parameters: int) -> Shape:
    """From config.json in the words of Llama, GPT-2 and their kin."""
    path = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        config = config.get("text_config", config)
        hidden = int(config.get("hidden_size") or config["n_embd"])
        layers = int(config.get("num_hidden_layers") or config["n_layer"])
        mlp = int(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden)
        return Shape(parameters, int(config["vocab_size"]), hidden, layers, mlp)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(f"config.json of the base tells no size of it ({error!r}); add the model anew.") from error


def need(
    recipe: Recipe,
    base: ModelVersion,
    *,
    row_tokens: int = 0,
    longest: int = 0,
    counted: float | None = None,
    processes: int = 1,
) -> Need:
    """At its peak. `row_tokens` are those of all rows together, `longest` those of the longest; `counted` is the share of a
    batch's tokens whose prediction counts, None where it is not known yet."""
    shape = shape_of(recipe, base)
    reads = recipe.method in ("scratch", "vocabulary")
    methods: tuple[Literal["lora", "full"], ...] = ("lora", "full") if recipe.method == "auto" else ("full",)
    if recipe.method == "lora":
        methods = ("lora",)
    tokens = max(recipe.batch_tokens, longest)
    share = 1.0 if reads or recipe.prompt_weight else counted or COUNTED
    kept = KEPT_HIDDEN + KEPT_DROPOUT * (recipe.dropout > 0)
    step = tokens * FLOAT * (shape.layers * (kept * shape.hidden + KEPT_MLP * shape.mlp) + 2 * shape.hidden)
    step += int(tokens * share) * shape.vocabulary * FLOAT * KEPT_LOGITS
    weights = shape.parameters * FLOAT
    trained = {method: _trained(shape, recipe) if method == "lora" else shape.parameters for method in methods}
    # Gradients and optimizer in memory are as many as weights and optimizer in a checkpoint.
    learning = {method: FLOAT * (count + _optimizer(shape, count, method)) for method, count in trained.items()}
    copies = 1 + recipe.refit  # whose rows are read into tokens beside those of the first training
    waiting = row_tokens * copies * TOKEN_BYTES + (int(row_tokens * recipe.language_epochs) * PACKED_BYTES if reads else 0)
    several = processes > 1
    handed = (weights + waiting) * several  # to the processes, as a file; the one that started them keeps its own
    summing = FLOAT * max(trained.values()) * several  # gradients once more, on their way between the processes
    each = int(FRAGMENTS * (weights + max(learning.values()) + summing + max(step, SCORED_LOGITS // 2) + waiting)) + OVERHEAD
    memory = processes * (each + PROCESS * several) + handed
    # PEFT writes the whole of an embedding that an adapter changes.
    beside = {"lora": FLOAT * shape.vocabulary * shape.hidden, "full": 0}
    checkpoint = {method: learning[method] + beside[method] for method in methods}
    best = 2 * FLOAT * max(trained.values())  # the former is there until the next is whole
    final = {"lora": FLOAT * trained.get("lora", 0), "full": HALF * shape.parameters}
    disk = CHECKPOINTS * max(checkpoint.values()) + best + max(final[method] for method in methods) + weights * reads + handed
    return Need(memory, disk, each)


def _trained(shape: Shape, recipe: Recipe) -> int:
    """Numbers of an adapter of all linear layers and the embedding: `rank` for each row and each column of a matrix."""
    layer = 8 * shape.hidden + 3 * (shape.hidden + shape.mlp)
    return recipe.rank * (shape.layers * layer + shape.vocabulary + shape.hidden)


def _optimizer(shape: Shape, trained: int, method: Literal["lora", "full"]) -> int:
    """Numbers of state: one for each of a matrix under Muon, two for all else under AdamW (see optimizer.py)."""
    if method == "lora":
        return 2 * trained
    return trained + 2 * shape.vocabulary * shape.hidden
