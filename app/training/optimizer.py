"""Muon for the matrices inside the layers, AdamW for embeddings and vectors, as one optimizer that the Trainer can save."""

from typing import Any

import torch
from torch import nn

from app.training.muon import Muon


def fast_type() -> torch.dtype:
    """bfloat16 where it multiplies quicker than float32: on a GPU that has it, or a processor with the instructions."""
    if torch.cuda.is_available():
        fast = bool(torch.cuda.is_bf16_supported())
    else:
        fast = bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return torch.bfloat16 if fast else torch.float32


LORA_EMBEDDING = "lora_embedding_"  # in PEFT's names of an embedding's update
LOW_RANK_SHARE = 0.2  # of the rate: a step of the update's halves moves their product several times as far


class MuonAdamW(torch.optim.Optimizer):
    """Two optimizers with one learning rate: Muon's update is scaled to the root mean square of AdamW's.

    On the model in the box Muon reaches with the same tokens a loss that AdamW needs several times as many for
    (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024).
    """

    def __init__(self, model: nn.Module, learning_rate: float, *, weight_decay: float, betas: tuple[float, float]) -> None:
        embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
        named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        trained = [*named.values()]
        low_rank = [weight for name, weight in named.items() if LORA_EMBEDDING in name]
        embeddings |= {id(weight) for weight in low_rank}
        matrices = [weight for weight in trained if weight.ndim == 2 and id(weight) not in embeddings]
        chosen = {id(weight) for weight in (*matrices, *low_rank)}
        rest = [weight for weight in trained if id(weight) not in chosen]
        self._parts: list[torch.optim.Optimizer] = []
        if matrices:
            self._parts.append(Muon(matrices, learning_rate, weight_decay=weight_decay, dtype=fast_type()))
        for weights, rate in ((rest, learning_rate), (low_rank, learning_rate * LOW_RANK_SHARE)):
            if weights:
                self._parts.append(torch.optim.AdamW(weights, lr=rate, betas=betas, weight_decay=0.0, fused=True))
        super().__init__(trained, {"lr": learning_rate})
        self._share_groups()

    def _share_groups(self) -> None:
        # The very dicts of the parts, so that a scheduler which sets our rates sets theirs.
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    def step(self, closure: Any = None) -> Any:
        loss = closure() if closure else None
        for part in self._parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()
