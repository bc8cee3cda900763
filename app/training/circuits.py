"""First weights that can copy already: a small model would spend most of its training on finding that out."""

import math

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

STRENGTH = 1.2  # length of the part of an embedding that tells tokens apart, and of the part they share
LOOK_BACK = 0.7  # how sharply the first layer looks one token back
CARRY = 0.15  # how much of that token it brings along
MATCH = 10.0  # how sharply the second layer looks for places that came after the present token
COPY = 1.5  # how much of the token found there it adds to the prediction
LIKENESS = 0.05  # how much a token takes from tokens like it
QUIET = 0.3  # random layers begin with this share of their usual output


def build_in_copying(model: LlamaForCausalLM, seed: int = 0) -> None:
    """Write an induction circuit into the first two layers, and heads that look for like tokens into the first three.

    After "a b ... a" the model then expects "b" before it is trained at all (C. Olsson et al., "In-context Learning and
    Induction Heads", 2022); training keeps what helps. Heads 0 and 1 of layer 0 look one token back: all embeddings share a
    direction, which queries and keys turn into a fixed angle of the rotary positions. They write a projection of that token
    beside the present one. Heads 0 and 1 of layer 1 match it with the present token and copy what they find. Matching uses
    only the slow rotary frequencies, which hardly turn over a prompt.
    """
    config = model.config
    width, heads = config.hidden_size, config.num_attention_heads
    size, half = width // heads, width // heads // 2
    draw = torch.Generator().manual_seed(seed)
    speeds = 10_000.0 ** (-torch.arange(half) / half)  # radians a token, as in LlamaRotaryEmbedding
    slow = [i + shift for shift in (0, half) for i in range(half) if speeds[i] < 0.011]
    fast = range(max(1, half // 4))
    shared = torch.nn.functional.normalize(torch.randn(width, generator=draw), dim=0)
    columns = torch.cat([shared[:, None], torch.randn(width, width - 1, generator=draw)], 1)
    basis: Tensor = torch.linalg.qr(columns).Q[:, 1:].T  # [width - 1, width], each row at a right angle to `shared`

    def some(count: int) -> Tensor:
        chosen: Tensor = basis[torch.randperm(width - 1, generator=draw)[:count]]
        return chosen

    with torch.no_grad():
        embeddings = model.get_input_embeddings().weight
        own = embeddings - (embeddings @ shared)[:, None] * shared
        embeddings.copy_(STRENGTH * (torch.nn.functional.normalize(own, dim=1) + shared))
        layers = [layer.self_attn for layer in model.model.layers]
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.mul_(QUIET)
            layer.mlp.down_proj.weight.mul_(QUIET)
        for head in (0, 1):
            rows = slice(head * size, (head + 1) * size)
            slow_rows = [head * size + i for i in slow]
            # 1. Layer 0: keys at angle 0, queries one step behind, so that they meet at a distance of one token.
            query, key = torch.zeros(size), torch.zeros(size)
            for i in fast:
                key[i] = 1.0
                query[i], query[i + half] = math.cos(speeds[i]), -math.sin(speeds[i])
            layers[0].q_proj.weight[rows] = LOOK_BACK * query[:, None] * shared
            layers[0].k_proj.weight[rows] = LOOK_BACK * key[:, None] * shared
            read, written = some(size), some(size)
            layers[0].v_proj.weight[rows] = read * math.sqrt(CARRY)
            layers[0].o_proj.weight[:, rows] = written.T * math.sqrt(CARRY)
            # 2. Layer 1: the present token against the token before each place.
            layers[1].q_proj.weight[rows] = 0.0
            layers[1].k_proj.weight[rows] = 0.0
            layers[1].q_proj.weight[slow_rows] = read[: len(slow)] * math.sqrt(MATCH)
            layers[1].k_proj.weight[slow_rows] = written[: len(slow)] * math.sqrt(MATCH)
            copied = basis[rows]
            layers[1].v_proj.weight[rows] = copied * math.sqrt(COPY)
            layers[1].o_proj.weight[:, rows] = copied.T * math.sqrt(COPY)
        # 3. Like looks for like: the words of a text for the same and kindred words in the list of labels.
        for number, layer in enumerate(layers[:3]):
            for head in range(2 if number < 2 else 0, heads):
                rows = slice(head * size, (head + 1) * size)
                slow_rows = [head * size + i for i in slow]
                alike = some(len(slow))
                layer.q_proj.weight[slow_rows] += alike
                layer.k_proj.weight[slow_rows] += alike
                taken = some(size)
                layer.v_proj.weight[rows] = taken * math.sqrt(LIKENESS)
                layer.o_proj.weight[:, rows] = taken.T * math.sqrt(LIKENESS)
