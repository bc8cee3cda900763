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
from app.engines.embedded.weights import attention_reach
from app.errors import Unprocessable

NO_LIMIT = 2048  # tokens, where config.json names no context


@dataclass(frozen=True)
class Outline:
    """Of a model in the Hugging Face layout."""

    architecture: str
    parameters: int
    context: int  # tokens that are served: the model's own, or what its sliding window reaches
    chat_template: bool


def outline(folder: Path, name: str) -> Outline:
    """Read config.json and the tokenizer; the network is laid out without memory for its weights. Raises Unprocessable for
    what cannot be served here, Unavailable for a tokenizer that cannot be read."""
    try:
        written: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = str(written.get("model_type", "without a model_type"))
        own_code = "auto_map" in written
    except (OSError, ValueError, AttributeError) as error:
        raise Unprocessable(f"config.json of {name} cannot be read ({told(error, folder)}).") from error
    if written.get("quantization_config"):
        raise Unprocessable(f"The weights of {name} are quantised, which is not read here; add the repository they came from.")
    try:
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, attn_implementation=ATTENTION)
    # transformers raises one of many kinds.
    except Exception as error:
        if own_code:
            raise Unprocessable(f"{name} needs code from its repository ({kind}), and no such code is run here.") from error
        raise Unprocessable(f"{name} has an architecture that is not served here ({kind}).") from error
    text = config.get_text_config()
    context = getattr(text, "max_position_embeddings", None) or NO_LIMIT
    context = min(context, *attention_reach(config).values()) if attention_reach(config) else context
    parameters = model.num_parameters()
    card = Card(name="model", kind="general", method="pretrained", context=context, parameters=parameters)
    codec = Codec(ModelVersion(card, folder, "", 0))
    return Outline(type(model).__name__, parameters, context, bool(codec.info.chat_template))
