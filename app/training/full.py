"""Full fine-tuning: every weight of the base moves; the result stands alone in the Hugging Face layout."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from app.training.recipe import Recipe

LEARNING_RATE = 3e-3  # peak; few steps are all that two processor cores have time for, and small models bear it

PROMPT_WEIGHT = 0.0


def adapt(model: Any, recipe: Recipe) -> nn.Module:
    unfrozen: nn.Module = model.requires_grad_(True)
    return unfrozen


def save(model: Any, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """In bfloat16, half the bytes of float32; what is measured afterwards is the rounded model."""
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
