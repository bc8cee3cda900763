"""The cache of keys and values grows, gives places again, and leaves nothing behind."""

import torch

from app.engines.embedded.kv import REACH, KeyValues

LIKE = torch.zeros(6, 4)


def test_the_cache_grows_without_losing_and_gives_places_again() -> None:
    cache = KeyValues()
    assert cache.take(10) == 0
    cache.layer(0, LIKE)[0, :10] = 1.0
    assert [cache.take(200), cache.take(5)] == [1, 2]
    pairs = cache.layer(0, LIKE)
    assert pairs.shape[0] >= 3
    assert pairs.shape[1] >= 200 + REACH
    assert pairs[0, :10].eq(1).all()
    assert pairs[0, 10:].eq(0).all()
    cache.write(2, 4, cache.read(0, 2, 8))
    assert pairs[2, 4:10].eq(1).all()
    assert pairs[2].sum() == 6 * 24
    cache.give_back(1, 0)
    assert cache.take(3) == 1  # the smallest that is free
    for place in range(3):
        cache.give_back(place, 10)
    assert cache.take(1) == 0
    assert len(cache.layer(0, LIKE)) == 1  # the memory was given back


def test_what_was_no_number_is_gone_with_its_request() -> None:
    cache = KeyValues()
    cache.take(4)
    cache.take(4)
    cache.layer(0, LIKE)[0, :3] = torch.nan
    cache.give_back(0, 3)
    assert cache.layer(0, LIKE).isfinite().all()
