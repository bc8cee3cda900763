"""What a model's small files tell before its weights are there: whether it can be served here, its size, its context."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from app.catalog.cards import Card
from app.catalog.catalog import ModelVersion
from app.engines.embedded.attention import ATTENTION
from app.engines.embedded.codec import Codec
from app.engines.embedded.faults import told
from app.engines.embedded.kv import KeyValues
from app.engines.embedded.network import Network
from app.engines.embedded.turns import PLAIN_TEMPLATE
from app.engines.embedded.weights import attention_reach, stepwise
from app.errors import Unprocessable

NO_LIMIT = 2048  # tokens, where config.json names no context


@dataclass(frozen=True)
class Outline:
    """Of a model in the Hugging Face layout."""

    architecture: str
    parameters: int
    context: int  # tokens that are served: the model's own, or what its sliding window reaches
    context_note: str  # why it is less than the model's own; may be empty
    chat_template: bool


def outline(folder: Path, name: str) -> Outline:
    """Read config.json and the tokenizer; the network is laid out, and run, without memory for its numbers.

    Raises Unprocessable for what cannot be served here, Unavailable for a tokenizer that cannot be read.
    """
    written = _config(folder, name)
    kind = str(written.get("model_type", "no model_type"))
    if written.get("quantization_config"):
        raise Unprocessable(f"The weights of {name} are quantised, which is not read here; add the repository they came from.")
    device = torch.device("meta")
    try:
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with device:
            module: Any = AutoModelForCausalLM.from_config(config, attn_implementation=ATTENTION).eval()
    # transformers raises one of many kinds.
    except Exception as error:
        if "auto_map" in written:
            raise Unprocessable(f"{name} needs code from its repository ({kind}), and no such code is run here.") from error
        raise Unprocessable(f"{name} has an architecture that is not served here ({kind}).") from error
    try:
        kv = KeyValues()
        stepwise(Network(module, device, module.get_input_embeddings().num_embeddings), [1, 2, 3, 4], kv)
    # What an architecture's code raises, where our attention cannot do what it asks for, is of any kind too.
    except Exception as error:
        raise Unprocessable(f"{name} has an architecture that is not served here ({kind}: {told(error, folder)}).") from error
    if kv.layers < config.get_text_config().num_hidden_layers:
        raise Unprocessable(f"{name} has an architecture that is not served here ({kind}: layers without attention).")
    own = getattr(config.get_text_config(), "max_position_embeddings", None) or NO_LIMIT
    context, cause = min([(reach, what) for what, reach in attention_reach(config).items()] + [(own, "")])
    parameters = module.num_parameters()
    card = Card(name="model", kind="general", method="pretrained", context=context, parameters=parameters)
    codec = Codec(ModelVersion(card, folder, "", 0), called=name)
    note = f" of {own}: its {cause} is not computed beyond that" if cause else ""
    return Outline(type(module).__name__, parameters, context, note, codec.info.chat_template != PLAIN_TEMPLATE)


def _config(folder: Path, name: str) -> dict[str, Any]:
    try:
        written = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unprocessable(f"config.json of {name} cannot be read ({told(error, folder)}).") from error
    if not isinstance(written, dict):
        raise Unprocessable(f"config.json of {name} is no table of settings.")
    return written
