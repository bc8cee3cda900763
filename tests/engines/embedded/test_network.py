"""Attention of running rows, whichever way it is computed, is that over each row's own tokens."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from app.engines.embedded.kv import KeyValues
from app.engines.embedded.network import ALIGN, Plan, _one_by_one, _together


@pytest.mark.parametrize("heads_per_key", [1, 3])
def test_rows_together_are_rows_one_by_one(heads_per_key: int) -> None:
    numbers = torch.Generator().manual_seed(0)
    lengths = [1, 17, 40, 5]
    query = torch.randn(4, 2, heads_per_key, 16, generator=numbers)
    keys, values = torch.randn(2, 6, 2, 64, 16, generator=numbers)
    places = [4, 0, 5, 2]
    together = _together(query, keys, values, places, lengths, None)
    torch.testing.assert_close(together, _one_by_one(query, keys, values, places, lengths, None))
    for row, (place, length) in enumerate(zip(places, lengths, strict=True)):
        own = scaled_dot_product_attention(query[row], keys[place, :, :length], values[place, :, :length])
        torch.testing.assert_close(together[row], own)


def test_parts_of_a_step_begin_at_full_places_and_logits_are_found_where_told() -> None:
    plan = Plan()
    row = plan.add_row(9, 30, slot=2, place=3)
    chunk = plan.add_chunk([5, 6, 7], slot=1, place=0, before=0, keep=2)
    branch = plan.add_branch([8] * 5, [0, 1, 2, 3, 4], 1, 0, before=3, mask=torch.ones(5, 5, dtype=torch.bool).tril())
    later = plan.add_chunk([4] * 6, slot=1, place=1, before=32, keep=1)
    plan.close(torch.device("cpu"))

    assert [span.start % ALIGN for span in plan.spans] == [0, 0, 0]
    assert len(plan.ids) % ALIGN == len(plan.keep) % ALIGN == 0
    assert [plan.ids[place] for place in plan.keep[row : row + 1]] == [9]
    assert [plan.ids[place] for place in plan.keep[chunk : chunk + 2]] == [6, 7]
    assert [plan.positions[place] for place in plan.keep[branch : branch + 5]] == [3, 4, 5, 6, 7]
    assert plan.keep[later] == plan.spans[2].stop - 1
    assert plan.positions[plan.keep[later]] == 37
    assert plan.runs == [(4, 24, 1)]  # neighbours of one adapter are one product
    first, labels, behind = plan.span_masks
    assert first is None  # plain causal attention
    assert labels is not None
    assert labels.shape == (1, 1, 5, 8)
    assert behind is not None
    assert behind[0, 0, 2].tolist() == [True] * 35 + [False] * 3


def test_the_cache_grows_without_losing_and_gives_places_again() -> None:
    cache = KeyValues()
    like = torch.zeros(1, 2, 3, 4)
    assert cache.take(10) == 0
    keys, _ = cache.layer(0, like, like)
    keys[0, :, :10] = 1.0
    assert [cache.take(200), cache.take(5)] == [1, 2]
    keys, values = cache.layer(0, like, like)
    assert keys.shape[0] >= 3
    assert keys.shape[2] >= 200
    assert keys[0, :, :10].eq(1).all()
    assert keys[0, :, 10:].eq(0).all()
    cache.write(2, 4, cache.read(0, 2, 8))
    assert keys[2, :, 4:10].eq(1).all()
    assert values.eq(0).all()
    cache.give_back(1)
    assert cache.take(3) == 1  # the smallest that is free
    for place in range(3):
        cache.give_back(place)
    assert cache.take(1) == 0
    assert cache.layer(0, like, like)[0].shape[0] == 1  # the memory was given back
