"""A language model run step by step: the packed forward pass of a plan, by transformers' code or by `fused`.

A request's numbers do not depend on its company, to the last bit. Attention sees to that itself. A matrix product of 1, 2
or 3 rows sums in another order than a larger one, and so do the rows that are left over when threads share a larger one;
therefore each part of a step is filled up to a multiple of `ALIGN` tokens, unless the weights are packed, which have no such
habit. `rows_are_independent` tells whether that is enough on this machine. A prompt is always computed in the same chunks, so
that neither its length nor what is known of its beginning changes a bit.
"""

from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from app.engines.embedded.attention import may_share
from app.engines.embedded.plan import ALIGN, Company, Plan


class Pass(Protocol):
    """Another way to compute what the module does."""

    packed: bool  # whether a row's bits do not depend on the number of rows

    def __call__(self, ids: Tensor, positions: Tensor, keep: Tensor, plan: Plan) -> Tensor: ...


class Network:
    """A language model from transformers, run step by step; by its own code, or by `fused` where that computes the same."""

    def __init__(self, module: nn.Module, device: torch.device, vocabulary: int) -> None:
        self.module, self.device, self.vocabulary = module, device, vocabulary
        self.fused: Pass | None = None
        self.plan = Plan()  # the step in work; the adapters' layers read it

    @property
    def company(self) -> Company:
        """What plans need to know."""
        module: Any = self.module
        config = module.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return Company(
            fill=self.fused is None or not self.fused.packed,
            attend=self.device.type == "cpu"
            and may_share(heads, config.num_attention_heads // heads, size, torch.get_num_threads()),
        )

    def logits(self, plan: Plan) -> Tensor:
        """Run a step: [tokens kept, vocabulary] in float32."""
        wanted = len(plan.keep)
        with torch.inference_mode():
            plan.close(self.device)
            self.plan = plan
            ids = torch.tensor([plan.ids], device=self.device)
            positions = torch.tensor([plan.positions], device=self.device)
            keep = torch.tensor(plan.keep, dtype=torch.long, device=self.device)
            if self.fused is not None:
                return self.fused(ids, positions, keep, plan)[:wanted].float()
            out = self.module(input_ids=ids, position_ids=positions, logits_to_keep=keep, use_cache=False, plan=plan)
            logits: Tensor = out.logits[0, :wanted].float()
        return logits


@cache
def rows_are_independent() -> bool:
    """Whether this processor's matrix products give a row the same bits in any company, in multiples of `ALIGN` rows."""
    numbers = torch.Generator().manual_seed(0)
    for width, out in ((64, 64), (192, 512), (512, 192), (256, 704), (704, 256)):
        weight = torch.randn(out, width, generator=numbers)
        x = torch.randn(64, width, generator=numbers)
        alone = torch.cat([linear(part, weight) for part in torch.split(x, ALIGN)])
        if not all(torch.equal(linear(x[:count], weight), alone[:count]) for count in (2 * ALIGN, 5 * ALIGN, 64)):
            return False
    return True
