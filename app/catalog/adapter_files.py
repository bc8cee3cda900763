"""A LoRA adapter's files checked without loading a number: what it adapts must be there in its base, in its shape.

Read by the catalog, so that a bad adapter is named when it appears, and by the embedded engine before it loads one.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

# Keys of PEFT's config that change nothing in what is computed, or that we read.
READ = {
    "r",
    "lora_alpha",
    "use_rslora",
    "rank_pattern",
    "alpha_pattern",
    "peft_type",
    "bias",
    "init_lora_weights",
    "fan_in_fan_out",
}
HARMLESS = {
    "auto_mapping",
    "base_model_name_or_path",
    "revision",
    "task_type",
    "inference_mode",
    "peft_version",
    "target_modules",  # the weights tell
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "lora_dropout",
    "qalora_group_size",  # of use_qalora, which is refused
    "megatron_core",  # of megatron_config, which is refused
    "ensure_weight_tying",
}
# Initialisations that change the base's weights, which other variants share.
CHANGES_BASE = {"pissa", "olora", "corda", "loftq", "lora_ga"}

TENSOR = re.compile(
    r"base_model\.model\.(?P<module>.+)\.lora_(?:(?P<half>[AB])(?:\.default)?\.weight|embedding_(?P<column>[AB])(?:\.default)?)"
)
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}  # bytes of a number

Shape = tuple[int, ...]
Sizes = Callable[[str, bool], Shape]


class BadAdapter(Exception):
    """The reason, in words that follow "it cannot be loaded: "."""


@dataclass(frozen=True)
class LayerUpdate:
    """What an adapter does to one layer: the names of its halves in the file, and what B is multiplied by."""

    a: str
    b: str
    scale: float


def layer_updates(folder: Path, sizes: Sizes) -> dict[str, LayerUpdate]:
    """By the layer's name in the base. `sizes` tells what a layer takes and gives, given its name and whether its weights have
    a row for each input, as those of embeddings and of GPT-2's linear layers do; it raises BadAdapter for one that cannot be
    adapted. Raises BadAdapter."""
    config = _config(folder)
    shapes = tensor_shapes(folder / WEIGHTS)
    halves: dict[str, dict[str, str]] = {}
    columns: set[str] = set()
    for name in shapes:
        match = TENSOR.fullmatch(name)
        if match is None:
            raise BadAdapter(f"{WEIGHTS} holds {name}, which is no LoRA update; serve it as a full model")
        halves.setdefault(match["module"], {})[match["half"] or match["column"]] = name
        if match["column"]:
            columns.add(match["module"])
    if not halves:
        raise BadAdapter(f"{WEIGHTS} is empty")
    updates = {}
    for layer, found in halves.items():
        taken, given = sizes(layer, layer in columns or bool(config.get("fan_in_fan_out")))
        if set(found) != {"A", "B"}:
            raise BadAdapter(f"{layer} has only one half of its update")
        rank = _by_pattern(layer, config.get("rank_pattern"), config["r"])
        shape, wanted = (shapes[found["A"]], shapes[found["B"]]), ((rank, taken), (given, rank))
        if shape != wanted:
            raise BadAdapter(f"{layer} has shapes {shape[0]} and {shape[1]} where rank {rank} and the base need {wanted}")
        alpha = _by_pattern(layer, config.get("alpha_pattern"), config["lora_alpha"])
        scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
        updates[layer] = LayerUpdate(found["A"], found["B"], scale)
    return updates


def problem_with(folder: Path, base: Path) -> str | None:
    """Why the adapter cannot be served on the base in that folder, as far as the files tell."""
    try:
        weights: dict[str, Shape] = {}
        for path in sorted(base.glob("*.safetensors")):
            weights |= tensor_shapes(path)
        layer_updates(folder, lambda layer, turned: _sizes_in(weights, layer, turned))
    except BadAdapter as error:
        return str(error)
    return None


def tensor_shapes(path: Path) -> dict[str, Shape]:
    """Of each tensor, from the header of a safetensors file, which must be as long as its header says. Raises BadAdapter."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = path.stat().st_size
            if length > size - 8:
                raise ValueError("it ends in its header")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        shapes = {name: tuple(map(int, entry["shape"])) for name, entry in header.items()}
        for name, entry in header.items():
            start, stop = entry["data_offsets"]
            if 8 + length + stop > size or stop - start != prod(shapes[name]) * SIZES.get(entry["dtype"], stop - start):
                raise ValueError(f"{name} is not whole")
    except FileNotFoundError:
        raise BadAdapter(f"{path.name} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise BadAdapter(f"{path.name} cannot be read ({error}); copy it anew") from error
    return shapes


def _sizes_in(weights: Mapping[str, Shape], layer: str, turned: bool) -> Shape:
    """What a layer takes and gives, by the base's files; they may leave out how the layer's name begins."""
    parts = layer.split(".")
    names = (".".join([*parts[cut:], "weight"]) for cut in range(len(parts)))
    shape = next((weights[name] for name in names if name in weights), None)
    if shape is None and parts[-1] == "lm_head":  # it shares the embedding's
        raise BadAdapter(f"it adapts the output layer {layer}; train it without, or serve it as a full model")
    if shape is None:
        raise BadAdapter(f"the base has no layer {layer}")
    if len(shape) != 2:
        raise BadAdapter(f"{layer} is no linear layer and no embedding, and only these are adapted here")
    return shape if turned else shape[::-1]


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadAdapter(f"{CONFIG} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadAdapter(f"{CONFIG} cannot be read ({error})") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise BadAdapter(f"{CONFIG} describes no LoRA adapter")
    if not isinstance(config.get("r"), int) or not isinstance(config.get("lora_alpha"), int | float):
        raise BadAdapter(f"{CONFIG} names no rank r and lora_alpha")
    for key, own in (("rank_pattern", config["r"]), ("alpha_pattern", config["lora_alpha"])):
        patterns = config.get(key) or {}
        if not isinstance(patterns, dict) or not all(isinstance(value, int | float) for value in patterns.values()):
            raise BadAdapter(f"{CONFIG}: {key} is no table of numbers")
        if key == "rank_pattern" and min(own, *patterns.values(), own) < 1:
            raise BadAdapter(f"{CONFIG} names a rank below 1")
    if config.get("bias", "none") != "none":
        raise BadAdapter("it trains biases (bias), which other variants share; serve it as a full model")
    init = config.get("init_lora_weights")
    if isinstance(init, str) and init.lower().startswith(tuple(CHANGES_BASE)):
        raise BadAdapter(f"its initialisation {init!r} changes the base's weights; convert it to plain LoRA first")
    for key, value in config.items():
        if key not in READ | HARMLESS and value not in (None, False, [], {}):
            raise BadAdapter(f"it uses {key}, which is not served beside other variants; serve it as a full model")
    return config


def _by_pattern(name: str, patterns: Mapping[str, Any] | None, default: Any) -> Any:
    """As PEFT looks them up: the first pattern that matches the end of the layer's name."""
    for pattern, value in (patterns or {}).items():
        try:
            if re.match(rf"(.*\.)?({pattern})$", name):
                return value
        except re.error as error:
            raise BadAdapter(f"{CONFIG}: {pattern!r} is no pattern of layers ({error})") from error
    return default
