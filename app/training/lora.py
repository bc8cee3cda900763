"""LoRA: small low-rank updates beside frozen weights, in PEFT's layout."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers.pytorch_utils import Conv1D

from app.errors import Unprocessable
from app.training.recipe import Recipe

ALL_LINEAR, EMBEDDINGS = "all-linear", "embeddings"  # words for targets: all linear layers but the output; the input embedding

LINEAR = (nn.Linear, Conv1D)  # the second is GPT-2's, its weights the other way round

LEARNING_RATE = 2.5e-3  # peak; suits a rank of 16 to 64 on a model of a few million parameters


def adapt(model: Any, recipe: Recipe) -> nn.Module:
    """The model with a fresh adapter, all that is trained; its update starts at zero, so step 0 computes what the base does.
    Raises Unprocessable for targets that the model does not have."""
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=_targets(model, recipe.targets),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        task_type="CAUSAL_LM",
    )
    try:
        with _quietly():
            adapted: nn.Module = get_peft_model(model, config)
    except ValueError as error:
        raise Unprocessable(f"{', '.join(recipe.targets)} cannot be adapted: {error}", param="targets") from error
    return adapted


def _targets(model: Any, named: tuple[str, ...]) -> list[str]:
    """Names of modules, with the two words that stand for many written out."""
    head = model.get_output_embeddings()
    of_word = {
        ALL_LINEAR: [name for name, module in model.named_modules() if isinstance(module, LINEAR) and module is not head],
        EMBEDDINGS: [name for name, module in model.named_modules() if module is model.get_input_embeddings()],
    }
    return [name for word in named for name in of_word.get(word, [word])]


def read(model: Any, folder: Path) -> nn.Module:
    """The base `model` with the adapter of `folder`."""
    with _quietly():
        adapted: nn.Module = PeftModel.from_pretrained(model, folder)
    return adapted


@contextmanager
def _quietly() -> Iterator[None]:
    """Without two warnings of PEFT that are not for our users to mend."""
    with warnings.catch_warnings():
        # It asks transformers by a name that is on its way out.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        # An update of the input embedding leaves the output layer alone, though both share their weights: that is meant.
        warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`", category=UserWarning)
        yield


def save(model: Any, folder: Path, base: str) -> None:
    """adapter_config.json and adapter_model.safetensors; the base is named by its id, never by a path of this machine."""
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card; the card is ours
