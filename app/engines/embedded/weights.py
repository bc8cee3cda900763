"""Safetensors to a network, checked: files, missing tensors, and that our steps compute what the architecture's code does."""

from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from app.catalog.catalog import ModelVersion
from app.engines.embedded.attention import ATTENTION
from app.engines.embedded.faults import told
from app.engines.embedded.fused import FusedLlama, can_fuse
from app.engines.embedded.kv import KeyValues
from app.engines.embedded.network import Network
from app.engines.embedded.plan import Plan
from app.errors import Unavailable
from app.settings import Settings

disable_progress_bar()  # a service's log is no place for bars

_loading = Lock()  # transformers changes global defaults while it builds a model

PROBE = 8  # tokens that a fresh network is tried on


def pick_device(settings: Settings) -> torch.device:
    """Raises Unavailable when the settings ask for a GPU that is not there."""
    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        raise Unavailable("VERSUS_DEVICE=cuda, but torch finds no CUDA device here; set it to cpu or auto.")
    return torch.device("cuda" if available and settings.device != "cpu" else "cpu")


def load_network(model: ModelVersion, device: torch.device) -> Network:
    """A standalone version's weights, float32 on a processor and bfloat16 on a GPU. Raises Unavailable with the reason."""
    _check_files(model)
    try:
        with _loading:
            module, report = AutoModelForCausalLM.from_pretrained(
                model.folder,
                dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
                attn_implementation=ATTENTION,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # the report names them
                output_loading_info=True,
            )
    # Whatever is wrong with the files, transformers raises it as one of many kinds.
    except Exception as error:
        known = not isinstance(error, KeyError) or error.args != (ATTENTION,)
        raise _bad(model, told(error, model.folder) if known else "its architecture is not served here") from error
    for name, found, wanted in sorted(report["mismatched_keys"]):
        raise _bad(model, f"{name} has the shape {(*found,)} in the file and {(*wanted,)} in config.json")
    missing = sorted(report["missing_keys"])
    if missing:
        raise _bad(model, f"its weights lack {', '.join(missing[:3])}{' and more' * (len(missing) > 3)}")
    _check_attention_reach(model, module.config)
    module = module.eval().requires_grad_(False).to(device)
    if device.type == "cpu":
        # Tensors of the file's own type are views of the file: a file that changes must not change what is served.
        for weight in module.parameters():
            weight.data = weight.data.clone()
    network = Network(module, device, module.get_input_embeddings().num_embeddings)
    if can_fuse(module):
        network.fused = FusedLlama(module)
    _probe(model, network)
    return network


def resident_bytes(model: ModelVersion, device: torch.device) -> int:
    """What a version's own weights take when they are loaded, an adapter's without its base; 0 for files that cannot be read,
    of which loading will tell. Where the output layer shares the embedding's weights, a processor has them in two layouts."""
    each = 2 if device.type == "cuda" and model.base is None else 4
    sizes: dict[str, int] = {}
    for path in sorted(model.folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                names = file.keys()  # a file cannot be iterated
                sizes |= {name: prod(file.get_slice(name).get_shape()) for name in names}
        except (OSError, SafetensorError):
            return 0
    if device.type == "cpu" and "lm_head.weight" not in sizes:
        sizes["lm_head.weight"] = sizes.get("model.embed_tokens.weight", 0)
    return sum(sizes.values()) * each


def _check_files(model: ModelVersion) -> None:
    """Every weights file must be whole; transformers' own message would not name it."""
    if not (model.folder / "config.json").is_file():
        raise _bad(model, "config.json is missing")
    for path in sorted(model.folder.glob("*.safetensors")):
        _check_file(model, path)


def _check_file(model: ModelVersion, path: Path) -> None:
    try:
        with safe_open(path, framework="pt"):
            pass
    except (OSError, SafetensorError) as error:
        raise _bad(model, f"{path.name} cannot be read ({error}); restore it or make the model again") from error


def _check_attention_reach(model: ModelVersion, config: Any) -> None:
    for name, reach in attention_reach(config).items():
        if reach < model.card.context:
            raise _bad(model, f"its {name} is {reach} tokens; lower the card's context of {model.card.context} to that")


def attention_reach(config: Any) -> dict[str, int]:
    """How many tokens back some layer looks, by what config.json calls it; empty where every layer looks back to the start."""
    text = config.get_text_config()
    reaches = {name: getattr(text, name, None) for name in ("sliding_window", "attention_chunk_size")}
    every = not getattr(text, "use_sliding_window", True)
    return {} if every else {name: reach for name, reach in reaches.items() if reach is not None}


def _probe(model: ModelVersion, network: Network) -> None:
    """Compare a prompt and single steps behind it with the architecture's own attention."""
    module: Any = network.module
    ids = [n % network.vocabulary for n in range(7, 7 + PROBE)]
    try:
        with torch.inference_mode():
            module.set_attn_implementation("eager")
            expected = module(input_ids=torch.tensor([ids], device=network.device), use_cache=False).logits[0].float()
            module.set_attn_implementation(ATTENTION)
            if isinstance(network.fused, FusedLlama):
                network.fused.pack()
            found = stepwise(network, ids, KeyValues())
    # An architecture that transformers cannot run this way is refused here, whatever it raises.
    except Exception as error:
        raise _bad(model, f"{_kind(module)} cannot be run here ({told(error, model.folder)})") from error
    if not expected.isfinite().all():
        raise _bad(model, "its weights compute numbers that are not finite")
    worst = (found - expected).abs().max().item()
    allowed = (1e-3 if module.dtype == torch.float32 else 5e-2) * max(1.0, expected.abs().max().item())
    if worst > allowed:
        raise _bad(model, f"{_kind(module)} computes something that this engine does not know (logits differ by {worst:.3g})")


def stepwise(network: Network, ids: list[int], kv: KeyValues) -> torch.Tensor:
    """The logits of all tokens: three quarters as a prompt in two chunks, the rest one by one."""
    half, most = len(ids) // 2, len(ids) * 3 // 4
    plan = Plan(kv, network.company)
    place = plan.kv.take(len(ids))
    plan.add_chunk(ids[:half], 0, place, before=0, keep=half)
    plan.add_chunk(ids[half:most], 0, place, before=half, keep=most - half)
    parts = [network.logits(plan)]
    for position in range(most, len(ids)):
        step = Plan(plan.kv, plan.company)
        step.add_row(ids[position], position, 0, place)
        parts.append(network.logits(step))
    return torch.cat(parts)


def _kind(module: nn.Module) -> str:
    return type(module).__name__


def _bad(model: ModelVersion, reason: str) -> Unavailable:
    return Unavailable(f"The weights of {model.id} cannot be loaded: {reason}.")
