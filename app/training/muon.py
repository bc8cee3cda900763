"""Muon: momentum whose direction is made orthogonal, in the number type that is quick here, matrices of one shape together."""

from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor

# Newton-Schulz coefficients of K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95


def orthogonal(matrices: Tensor) -> Tensor:
    """[n, rows, columns]: for each matrix U S V^T roughly U V^T, by five quintic Newton-Schulz iterations."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if tall else matrices
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = found @ found.mT
        found = torch.baddbmm(found, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return found.mT if tall else found


class Muon(torch.optim.Optimizer):
    """As torch.optim.Muon with Nesterov momentum and `adjust_lr_fn="match_rms_adamw"`.

    That one always multiplies in bfloat16, which processors without such instructions do ten times slower than float32.
    """

    def __init__(self, matrices: Sequence[Tensor], lr: float, *, weight_decay: float, dtype: torch.dtype) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = closure() if closure else None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape[weight.shape].append(weight)
            for shape, weights in by_shape.items():
                updates = orthogonal(torch.stack([self._moved(weight) for weight in weights]).to(self._dtype))
                rate = group["lr"] * 0.2 * sqrt(max(shape))
                for weight, update in zip(weights, updates, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)
        return loss

    def _moved(self, weight: Tensor) -> Tensor:
        """The gradient, looking ahead along its running mean."""
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        assert weight.grad is not None
        mean = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        return weight.grad.lerp(mean, MOMENTUM)
