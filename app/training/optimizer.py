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


class MuonAdamW(torch.optim.Optimizer):
    """Two optimizers with one learning rate: Muon's update is scaled to the root mean square of AdamW's.

    On the model in the box Muon reaches with the same tokens a loss that AdamW needs several times as many for
    (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024).
    """

    def __init__(self, model: nn.Module, learning_rate: float, *, weight_decay: float, betas: tuple[float, float]) -> None:
        embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        matrices = [weight for weight in trained if weight.ndim == 2 and id(weight) not in embeddings]
        chosen = {id(weight) for weight in matrices}
        rest = [weight for weight in trained if id(weight) not in chosen]
        self._parts: list[torch.optim.Optimizer] = []
        if matrices:
            self._parts.append(Muon(matrices, learning_rate, weight_decay=weight_decay, dtype=fast_type()))
        if rest:
            self._parts.append(torch.optim.AdamW(rest, lr=learning_rate, betas=betas, weight_decay=0.0, fused=True))
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
