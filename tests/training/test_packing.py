"""Rows hold no padding, kinds keep their shares, and only prose is ever cut."""

from itertools import count

import pytest
import torch

from app.training.corpus import Document
from app.training.packing import Packer


def stream(first: int, lengths: list[int]):
    """Documents of `lengths` in turn whose tokens are all different from other streams', weights 1."""
    for number in count():
        size = lengths[number % len(lengths)]
        yield Document([first + number % 50] * size, [0.0] + [1.0] * (size - 1))


def test_rows_are_full_and_positions_begin_anew_with_each_document() -> None:
    packer = Packer({"prose": stream(100, [90]), "task": stream(500, [7, 11])}, {"prose": 0.5, "task": 0.5}, filler="prose")
    for batch in packer.batches(20, rows=3, length=64):
        assert batch.ids.shape == batch.weights.shape == batch.positions.shape == (3, 64)
        for ids, weights, positions in zip(batch.ids, batch.weights, batch.positions, strict=True):
            starts = positions == 0
            assert bool(starts[0])
            assert not weights[starts].any()  # nothing can be learned from the first token of a piece
            steps = torch.diff(positions)
            assert bool(((steps == 1) | starts[1:]).all())
            assert bool((torch.diff(ids)[steps == 1] == 0).all())  # a piece is of one document


def test_shares_are_kept() -> None:
    shares = {"prose": 0.2, "task": 0.5, "turns": 0.3}
    packer = Packer({"prose": stream(0, [300]), "task": stream(100, [20]), "turns": stream(200, [15])}, shares, filler="prose")
    list(packer.batches(50, rows=4, length=128))
    total = sum(packer.tokens.values())
    assert total == 50 * 4 * 128
    for name, share in shares.items():
        assert packer.tokens[name] / total == pytest.approx(share, abs=0.02)


def test_a_task_is_never_cut_and_one_longer_than_a_row_is_left_out() -> None:
    packer = Packer({"prose": stream(0, [1000]), "task": stream(100, [30, 80])}, {"prose": 0.3, "task": 0.7}, filler="prose")
    sizes = set()
    for batch in packer.batches(10, rows=2, length=64):
        for ids in batch.ids:
            values, sizes_here = torch.unique_consecutive(ids, return_counts=True)
            sizes |= {int(size) for value, size in zip(values, sizes_here, strict=True) if value >= 100}
    assert sizes == {30}
