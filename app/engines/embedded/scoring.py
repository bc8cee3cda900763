"""Label trees: all labels of a case behind one prompt, tokens that labels share computed once.

A tree's nodes are label tokens; each sees the prompt, its ancestors and itself. log p(label, end | prompt) is the sum of one
log-probability per edge: from the prompt's last token or a node to a child, or from a label's last node to the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.engines.embedded.search import Node, grow

MAX_NODES = 512  # of one branch: its mask has nodes x nodes entries
NORM_ROWS = 64  # at a time: memory that is used again costs less than new memory


@dataclass(frozen=True)
class Branch:
    """Some of the labels: node i has the token `tokens[i]` and `depths[i]` label tokens before it.

    `mask` [nodes, nodes] tells which nodes see which. Edges, as three tensors of one length: the state they start from (0 the
    prompt's last token, i + 1 node i), the token they lead to, the label they belong to.
    """

    tokens: list[int]
    depths: list[int]
    mask: Tensor
    states: Tensor
    targets: Tensor
    labels: Tensor


@dataclass(frozen=True)
class LabelTree:
    """All labels, in branches to be computed whole, and from `root` the same tree to be searched. `sizes` are the labels' token
    counts without the end."""

    branches: tuple[Branch, ...]
    sizes: tuple[int, ...]
    root: Node
    end: int

    @property
    def longest(self) -> int:
        return max(self.sizes)


def plant(labels: Sequence[list[int]], end: int) -> LabelTree:
    """The tree of the labels' tokens; `end` closes each. Labels that begin alike share a branch."""
    order = sorted(range(len(labels)), key=lambda i: labels[i])
    groups: list[list[int]] = []
    size = 0
    for i in order:
        if not groups or size + len(labels[i]) > MAX_NODES:
            groups.append([])
            size = 0
        groups[-1].append(i)
        size += len(labels[i])
    return LabelTree(tuple(_branch(group, labels, end) for group in groups), tuple(map(len, labels)), grow(labels), end)


def _branch(group: list[int], labels: Sequence[list[int]], end: int) -> Branch:
    nodes: dict[tuple[int, ...], int] = {}  # tokens from the root -> node
    tokens: list[int] = []
    depths: list[int] = []
    ancestors: list[list[int]] = []
    edges: list[tuple[int, int, int]] = []
    for label in group:
        path: list[int] = []
        state = 0
        for depth, token in enumerate(labels[label]):
            key = tuple(labels[label][: depth + 1])
            edges.append((state, token, label))
            if key not in nodes:
                nodes[key] = len(tokens)
                tokens.append(token)
                depths.append(depth)
                ancestors.append([*path, nodes[key]])
            path.append(nodes[key])
            state = nodes[key] + 1
        edges.append((state, end, label))
    mask = torch.zeros(len(tokens), len(tokens), dtype=torch.bool)
    for node, seen in enumerate(ancestors):
        mask[node, seen] = True
    states, targets, of_label = torch.tensor(edges).T
    return Branch(tokens, depths, mask, states, targets, of_label)


def add_up(prompt: Tensor, nodes: Tensor, branch: Branch, totals: Tensor) -> None:
    """Add a branch's log-likelihoods to `totals` [labels], float64.

    Logits: `prompt` [1, vocabulary] of the prompt's last token, `nodes` [nodes, vocabulary] of the branch's.
    """
    states, targets = branch.states.to(nodes.device), branch.targets.to(nodes.device)
    first = states == 0
    own = torch.where(first, prompt[0, targets], nodes[states - 1, targets])
    norms = torch.cat([part.logsumexp(-1) for part in (prompt, *torch.split(nodes, NORM_ROWS))])  # by state
    totals.index_add_(0, branch.labels, (own - norms[states]).double().cpu())
