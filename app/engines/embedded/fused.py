"""A Llama's forward pass in few operations: projections of one input are one product, and nothing unused is paid for.

On a processor a weight is laid out once as oneDNN multiplies it, not anew for each product as MKL does, which is most of what a
product of a few rows costs. The transformers module gives its projections up for that; elsewhere they stay views of the joined
weights. `weights.py` compares this pass with the module's own when it loads.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu

from app.engines.embedded.attention import attend
from app.engines.embedded.plan import Plan

# Their layers are what Llama's are, whatever the sizes.
ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM")

PACKED_ROWS = 16  # what the layout is tuned for; any number may be multiplied

Parts = dict[str, tuple[str, int]]  # a projection of the module -> the joined layer, and where its rows begin there


def can_fuse(module: Any) -> bool:
    """Whether the module is one that this pass computes."""
    config = module.config
    return (
        type(module).__name__ in ARCHITECTURES
        and config.hidden_act == "silu"
        and not getattr(config, "attention_bias", False)
        and not getattr(config, "mlp_bias", False)
    )


class Layer(nn.Module):
    """One block, its weights joined."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        attention, mlp = block.self_attn, block.mlp
        self.qkv = _joined(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = attention.o_proj
        self.gate_up = _joined(mlp.gate_proj, mlp.up_proj)
        self.down = mlp.down_proj
        self.before_attention, self.before_mlp = block.input_layernorm, block.post_attention_layernorm
        self._number, self._scale, self._size = attention.layer_idx, attention.scaling, attention.head_dim
        self._queries = attention.q_proj.out_features // self._size
        self._keys = attention.k_proj.out_features // self._size

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, plan: Plan) -> Tensor:
        """x [tokens, hidden]; cos and sin [tokens, 1, size], sin with its first half negated."""
        heads = self.qkv(_normed(x, self.before_attention)).view(len(x), -1, self._size)
        turning = heads[:, : self._queries + self._keys]
        turned = turning.roll(self._size // 2, -1)
        turning.mul_(cos).addcmul_(turned, sin)
        seen = attend(self._number, heads[:, : self._queries], heads[:, self._queries :], self._scale, plan)
        x = x + self.out(seen)
        gate, up = self.gate_up(_normed(x, self.before_mlp)).chunk(2, -1)
        out: Tensor = x + self.down(silu(gate).mul_(up))
        return out


class Packed(nn.Module):
    """A linear layer without bias, its weights in the layout of oneDNN."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight = layer.weight.new_empty(0)  # tells type and device
        self._packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), PACKED_ROWS)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, None, "none", [], "")
        return out


@cache
def can_pack() -> bool:
    """Whether oneDNN is there, and gives a row the same bits in any company."""
    if not torch._C._has_mkldnn or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    numbers = torch.Generator().manual_seed(0)
    try:
        for width, out in ((64, 64), (192, 512), (512, 192), (704, 256)):
            layer = _linear(torch.randn(out, width, generator=numbers))
            packed, x = Packed(layer), torch.randn(64, width, generator=numbers)
            with torch.inference_mode():
                alone = torch.cat([packed(row) for row in torch.split(x, 1)])
                if not all(
                    torch.equal(torch.cat([packed(part) for part in torch.split(x, count)]), alone) for count in (4, 12, 64)
                ):
                    return False
    except RuntimeError:  # an operation that this build of torch does not have
        return False
    return True


class FusedLlama(nn.Module):
    """The whole model; `parts` tells where each projection of the module went."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self._module = [module]
        self._head: nn.Module = module.lm_head
        self.packed = False
        self.layers = nn.ModuleList(Layer(block) for block in module.model.layers)
        self.parts: Parts = {}
        for number, block in enumerate(module.model.layers):
            for joined, inside, names in (
                ("qkv", block.self_attn, ("q_proj", "k_proj", "v_proj")),
                ("gate_up", block.mlp, ("gate_proj", "up_proj")),
            ):
                start = 0
                for name in names:
                    path = "self_attn" if joined == "qkv" else "mlp"
                    self.parts[f"model.layers.{number}.{path}.{name}"] = f"layers.{number}.{joined}", start
                    start += getattr(inside, name).out_features
            self.parts[f"model.layers.{number}.self_attn.o_proj"] = f"layers.{number}.out", 0
            self.parts[f"model.layers.{number}.mlp.down_proj"] = f"layers.{number}.down", 0

    def pack(self) -> None:
        """Lay the weights out for this processor, where that is possible. The module's own pass cannot be used any more: its
        projections give their weights up."""
        weights = [*self._module[0].parameters()]
        if not can_pack() or any(weight.device.type != "cpu" or weight.dtype != torch.float32 for weight in weights):
            return
        for layer in self.layers:
            for name in ("qkv", "out", "gate_up", "down"):
                setattr(layer, name, Packed(getattr(layer, name)))
        self._head = Packed(self._module[0].lm_head)
        self.packed = True
        for block in self._module[0].model.layers:
            for part in (block.self_attn, block.mlp):
                for linear in part.children():
                    if isinstance(linear, nn.Linear):
                        linear.weight = nn.Parameter(linear.weight.new_empty(0), requires_grad=False)

    def forward(self, ids: Tensor, positions: Tensor, keep: Tensor, plan: Plan) -> Tensor:
        """Logits [kept, vocabulary] of ids [1, tokens]."""
        model = self._module[0].model
        x: Tensor = model.embed_tokens(ids)[0]
        cos, sin = self._angles(x, positions)
        for layer in self.layers:
            x = layer(x, cos, sin, plan)
        logits: Tensor = self._head(_normed(x[keep], model.norm))
        return logits

    def _angles(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of positions [1, tokens]: [tokens, 1, size] each, of the sines the first half negated."""
        rotary = self._module[0].model.rotary_emb
        cos, sin = rotary(x, position_ids=positions)
        half = sin.shape[-1] // 2
        return cos[0, :, None], torch.cat((-sin[..., :half], sin[..., half:]), -1)[0, :, None]


def _normed(x: Tensor, norm: Any) -> Tensor:
    """[tokens, hidden] over its root mean square."""
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return rms_norm(x, (x.shape[-1],), norm.weight, norm.variance_epsilon)
    # The same in five operations instead of eight.
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    scale = torch.addcmul(_constant(norm.variance_epsilon), length, length, value=1 / x.shape[-1]).rsqrt_()
    return (x * scale).mul_(norm.weight)


@cache
def _constant(value: float) -> Tensor:
    return torch.tensor(value)


def _joined(*layers: nn.Linear) -> nn.Linear:
    """One layer whose rows are those of the others, which become views of it."""
    weight = torch.cat([layer.weight.data for layer in layers])
    joined = _linear(weight)
    start = 0
    for layer in layers:
        layer.weight.data = weight[start : start + layer.out_features]
        start += layer.out_features
    return joined


def _linear(weight: Tensor) -> nn.Linear:
    """A layer of this weight; none is drawn at random first, which would touch the global generator."""
    with torch.device("meta"):
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return layer
