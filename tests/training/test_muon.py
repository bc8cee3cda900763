"""Our Muon walks as torch's own does; only the number type of its inner products differs."""

import pytest
import torch
from torch import nn

from app.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(3, 8, 20), (3, 20, 8)])
def test_singular_values_come_near_one_and_the_directions_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    found = orthogonal(matrices)
    # The quintic of the source swings between about 0.7 and 1.2.
    assert torch.linalg.svdvals(found).sub(1).abs().max() < 0.4
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    diagonal = u.mT @ found @ vt.mT
    assert (diagonal - torch.diag_embed(torch.diagonal(diagonal, dim1=1, dim2=2))).abs().max() < 1e-4


def test_ten_steps_end_where_those_of_torch_end() -> None:
    def walked(make) -> list[torch.Tensor]:
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Linear(16, 24, bias=False), nn.Linear(24, 16, bias=False), nn.Linear(16, 24, bias=False))
        optimizer = make([layer.weight for layer in layers])
        data = torch.randn(32, 16, generator=torch.Generator().manual_seed(1))
        for _ in range(10):
            optimizer.zero_grad()
            (layers(data) - 1).square().mean().backward()
            optimizer.step()
        return [layer.weight.detach() for layer in layers]

    ours = walked(lambda weights: Muon(weights, 1e-2, weight_decay=0.1, dtype=torch.bfloat16))
    theirs = walked(lambda weights: torch.optim.Muon(weights, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=2e-3)
