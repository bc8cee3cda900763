"""A LoRA variant merged into a copy of its base: one full model without an adapter; what the merging changed is measured."""

import shutil
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from app.catalog.adapter_files import CONFIG, WEIGHTS
from app.catalog.cards import CARD_FILE, Card, write_card
from app.catalog.catalog import ModelVersion
from app.catalog.exports import check_exportable, new_folder
from app.errors import Unprocessable
from app.training import lora

disable_progress_bar()  # the difference that is returned is the result

Dtype = Literal["float32", "bfloat16", "float16"]

PROBE = 24  # tokens on which logits are compared


def export_merged(version: ModelVersion, to: Path, dtype: Dtype = "float32") -> float:
    """Writes `to`; returns the largest difference of a logit between variant and merged model, read back from the disk.

    In float32 that is rounding. In two bytes a weight the update, which is small beside the base's weights, loses digits.
    Raises Unprocessable for a version that is no adapter, else as `new_folder` does.
    """
    check_exportable(version)
    base = version.base
    if base is None:
        raise Unprocessable(f"{version.id} is a full model already; export it without --merged.")
    with new_folder(to) as part:
        model: Any = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
        _untie(model, version)
        adapted: Any = lora.read(model, version.folder).eval()
        expected = _logits(adapted)
        merged: Any = adapted.merge_and_unload(safe_merge=True)
        parameters = sum(weight.numel() for weight in merged.parameters())
        merged.to(getattr(torch, dtype)).save_pretrained(part)
        _put_tokenizer(version, base, part)
        write_card(_card(version, base, parameters, dtype), part / CARD_FILE)
        for path in part.iterdir():
            path.chmod(0o644)
        again = AutoModelForCausalLM.from_pretrained(part, dtype=torch.float32).eval()
        return float((_logits(again) - expected).abs().max())


def _untie(model: Any, version: ModelVersion) -> None:
    """An update of the input embedding leaves the output layer alone; where both share their weights, it gets its own."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head is None or head.weight is not embedding.weight or not _adapts_embedding(model, version):
        return
    head.weight = nn.Parameter(embedding.weight.detach().clone(), requires_grad=False)
    model.config.tie_word_embeddings = False
    model.config.get_text_config().tie_word_embeddings = False


def _adapts_embedding(model: Any, version: ModelVersion) -> bool:
    names = [name for name, module in model.named_modules() if module is model.get_input_embeddings()]
    with safe_open(version.folder / WEIGHTS, framework="pt") as file:
        return any(f".{name}.lora_" in f".{key}" for key in file.keys() for name in names)  # noqa: SIM118


@torch.inference_mode()
def _logits(model: Any) -> Tensor:
    """[PROBE, vocabulary], of ids spread over the vocabulary."""
    size = model.get_input_embeddings().weight.shape[0]
    ids = torch.tensor([[(7 + 97 * n) % size for n in range(PROBE)]])
    return cast(Tensor, model(input_ids=ids, use_cache=False).logits[0].float())


def _put_tokenizer(version: ModelVersion, base: ModelVersion, part: Path) -> None:
    """The adapter's own where it has one, else its base's; as files, so that it says the same byte for byte."""
    made = {path.name for path in part.iterdir()}
    for folder in (base.folder, version.folder):
        for path in sorted(folder.iterdir()):
            weights = path.suffix == ".safetensors" or path.name.endswith(".index.json")
            ours = path.name in (CONFIG, CARD_FILE) or path.name.startswith(".")
            notes = folder == base.folder and path.name == "README.md"
            if path.is_file() and not weights and not ours and not notes and path.name not in made:
                shutil.copyfile(path, part / path.name)
    AutoTokenizer.from_pretrained(part)  # raises where the two do not go together


def _card(version: ModelVersion, base: ModelVersion, parameters: int, dtype: Dtype) -> Card:
    return version.card.model_copy(
        update={
            "method": "full",
            "parent": base.id,
            "parent_digest": base.digest,
            "parameters": parameters,
            "summary": f"{version.card.summary} Its LoRA update is merged into the weights, in {dtype}.".strip(),
        }
    )
