"""Attention of running rows, whichever way it is computed, is that over each row's own tokens."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from app.engines.embedded.attention import _rows, _rows_at_once, may_share
from app.engines.embedded.plan import SHARED, Company, Plan


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("heads_per_key", [1, 3])
def test_rows_see_their_own_tokens(heads_per_key: int, together: bool) -> None:
    numbers = torch.Generator().manual_seed(0)
    rows = ((0, 5), (2, 17), (3, 9), (4, 40))  # place, length
    plan = Plan(company=Company(attend=together))
    plan.kv.take(64)
    for place, length in rows:
        plan.add_row(0, length - 1, 0, place)
    plan.close(torch.device("cpu"))
    query = torch.randn(len(rows), 2 * heads_per_key, 16, generator=numbers)
    stored = torch.randn(5, 96, 4, 16, generator=numbers)

    found = torch.cat(_rows(query, stored, None, plan))
    torch.testing.assert_close(found, torch.cat(_rows_at_once(query, stored, None, plan)))
    for row, (place, length) in enumerate(rows):
        keys, values = stored[place, :length].transpose(0, 1).chunk(2)
        own = query[row].view(2, heads_per_key, 16)
        torch.testing.assert_close(found[row], scaled_dot_product_attention(own, keys, values).flatten())


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_share_only_where_no_bit_changes(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert not may_share(2, 1, 24, threads)  # no multiple of 16
        for queries in (1, 2, 3):
            if may_share(3, queries, 64, threads):
                _check_bits(heads=3, queries=queries, size=64)
    finally:
        torch.set_num_threads(before)


def _check_bits(heads: int, queries: int, size: int) -> None:
    """Any neighbours, any lengths."""
    numbers = torch.Generator().manual_seed(1)
    query = torch.randn(12, heads * queries, size, generator=numbers)
    stored = torch.randn(12, SHARED + 64, 2 * heads, size, generator=numbers)
    lengths = torch.randint(1, SHARED + 20, (12,), generator=numbers).tolist()

    def found(first: int, last: int) -> torch.Tensor:
        plan = Plan(company=Company(attend=True))
        for place in range(first, last):
            plan.add_row(0, lengths[place] - 1, 0, place)
        plan.close(torch.device("cpu"))
        return torch.cat(_rows(query[first:last], stored, None, plan))

    whole = found(0, 12)
    for first, last in ((0, 1), (3, 9), (5, 7), (11, 12)):
        assert torch.equal(found(first, last), whole[first:last])
