"""The best label without the others' scores: a label's log-likelihood only falls as tokens are added, so that of its beginning
is a bound for it, and what stands below the best whole label need not be computed.

Best-first search of the labels' tree (A*, P. Hart et al., 1968, with the bound 0 for what is left of a label).
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from torch import Tensor

from app.engines.base import Ranking


@dataclass
class Node:
    """A token of some labels behind the tokens above it; the root has none."""

    tokens: tuple[int, ...] = ()
    below: dict[int, "Node"] = field(default_factory=dict)  # by token
    label: int | None = None  # that ends here
    labels: list[int] = field(default_factory=list)  # that pass here or end

    @property
    def only(self) -> "Node | None":
        """What must follow, where nothing is left to choose."""
        return next(iter(self.below.values())) if self.label is None and len(self.below) == 1 else None


def grow(labels: Sequence[Sequence[int]]) -> Node:
    """The root of the labels' tree."""
    root = Node(labels=[*range(len(labels))])
    for number, tokens in enumerate(labels):
        node = root
        for token in tokens:
            node = node.below.setdefault(token, Node((*node.tokens, token)))
            node.labels.append(number)
        node.label = number
    return root


class Search:
    """One prompt's search. Ask `step` which tokens to compute, give their logits to `take`, until `found`."""

    def __init__(self, root: Node, end: int, sizes: Sequence[int], ranking: Ranking) -> None:
        self._root, self._end, self._sizes, self._ranking = root, end, sizes, ranking
        self._numbers = count()
        # Minus the bound, the first label that may reach it, a number; a node to be opened or a whole label, its
        # log-likelihood.
        self._open: list[tuple[float, int, int, Node | int, float]] = []
        self._chain: list[Node] = []  # being computed
        self._sum = 0.0  # log-likelihood of the first of them with all above it
        self._stored: tuple[int, ...] = ()  # tokens behind the prompt in the cache
        self.known: dict[int, float] = {}  # log-likelihoods of whole labels
        self.found: int | None = None
        self.computed = 0  # tokens

    def begin(self, logits: Tensor) -> None:
        """`logits` [vocabulary] of the prompt's last token."""
        self._look_below(self._root, 0.0, logits, logits.logsumexp(-1))
        self._choose()

    @property
    def wants(self) -> int:
        """Tokens of the next step, at most."""
        return len(self._chain[-1].tokens)

    def step(self) -> tuple[int, list[int], int]:
        """How many tokens of the cache behind the prompt stay, the tokens to compute behind them, and for how many of these, at
        the end, logits are wanted."""
        path = self._chain[-1].tokens
        common = 0
        while common < min(len(path) - len(self._chain), len(self._stored)) and path[common] == self._stored[common]:
            common += 1
        self._stored = path
        self.computed += len(path) - common
        return common, [*path[common:]], len(self._chain)

    def take(self, logits: Tensor) -> None:
        """[wanted, vocabulary], those of the last `step`."""
        norms = logits.logsumexp(-1)
        for row, then in enumerate(self._chain[1:]):
            self._sum += float(logits[row, then.tokens[-1]] - norms[row])
        self._look_below(self._chain[-1], self._sum, logits[-1], norms[-1])
        self._choose()

    def bounds(self) -> list[float]:
        """Of each label, the log-likelihood or what it is at most."""
        highest = dict(self.known)
        for _, _, _, node, total in self._open:
            if isinstance(node, Node):
                highest |= dict.fromkeys(node.labels, total)
        return [highest[label] for label in range(len(self._sizes))]

    def _look_below(self, node: Node, total: float, logits: Tensor, norm: Tensor) -> None:
        tokens = [*node.below, *([self._end] if node.label is not None else [])]
        sums = [total + one for one in (logits[tokens] - norm).double().tolist()]
        for below, one in zip(node.below.values(), sums, strict=False):
            self._push(below, one, below.labels)
        if node.label is not None:
            self.known[node.label] = sums[-1]
            self._push(node.label, sums[-1], [node.label])

    def _push(self, what: Node | int, total: float, labels: Sequence[int]) -> None:
        bound, first = max((self._ranking.value(label, total, self._sizes[label]), -label) for label in labels)
        heapq.heappush(self._open, (-bound, -first, next(self._numbers), what, total))

    def _choose(self) -> None:
        _, _, _, node, total = heapq.heappop(self._open)
        if isinstance(node, int):
            self.found = node
            return
        self._sum, self._chain = total, [node]
        while (then := self._chain[-1].only) is not None:
            self._chain.append(then)
