"""Which labels each point of a learning curve has: nested over sizes, spread over the classes, another draw for each seed."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.benchmarks.runner import Case

HOLD_EVERY = 5  # one label of so many is held out to choose on


@dataclass(frozen=True)
class Subset:
    """The first labels of a seed's order. Both parts count towards its size; `held_out` is what choices are made on."""

    train: tuple[Case, ...]
    held_out: tuple[Case, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        return self.train + self.held_out

    @property
    def choose_on(self) -> tuple[Case, ...]:
        """The held-out labels; where none could be spared, those that are learned from: then nothing is really chosen."""
        return self.held_out or self.train

    def missing(self, labels: Sequence[str]) -> list[str]:
        """Those of `labels` that no case here has."""
        here = {case.gold for case in self.cases}
        return [label for label in labels if label not in here]


def nested_order(pool: Sequence[Case], seed: int) -> list[Case]:
    """All of `pool` in an order of which any first N are a subset of any first M > N: one case of each label, the most
    frequent label first, then each label in its share. The same pool and seed give the same order, however `pool` is sorted."""
    draws = random.Random(f"learning curve {seed}")
    by_label: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(pool, key=lambda one: one.id):
        by_label[case.gold].append(case)
    first, rest = [], []
    for label in sorted(by_label, key=lambda one: (-len(by_label[one]), one)):
        members = by_label[label]
        draws.shuffle(members)
        first.append(members[0])
        # Evenly spread over (0, 1): every prefix holds each label in proportion.
        places = [((rank + draws.random()) / len(members), case.id, case) for rank, case in enumerate(members)]
        rest += places[1:]
    return first + [case for _, _, case in sorted(rest)]


def subset(order: Sequence[Case], size: int) -> Subset:
    """The first `size` cases of `order`. Whether a case is held out depends on those before it only, so both parts are nested
    over sizes too; the first case of a label is never held out, for a label that nobody learned cannot be answered."""
    train: list[Case] = []
    held_out: list[Case] = []
    learned: set[str] = set()
    for place, case in enumerate(order[:size], 1):
        if case.gold in learned and HOLD_EVERY * (len(held_out) + 1) <= place:
            held_out.append(case)
        else:
            train.append(case)
            learned.add(case.gold)
    return Subset(tuple(train), tuple(held_out))
