"""Torch on one thread, for tests that compute: many small operations are slower on several, and their sums may differ."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """For all tests of the file, or of the folder whose conftest.py, that imports it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
