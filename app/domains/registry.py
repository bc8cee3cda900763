"""The built-in domains that benchmarks run on, by name; each is imported when it is first asked for."""

from collections.abc import Iterator
from importlib import import_module
from itertools import islice

from app.errors import NotFound

# Name -> module and its function (seed, split) -> endless (text, label). The first N rows of a split are always the same.
DOMAINS: dict[str, tuple[str, str]] = {
    "claims-type": ("app.domains.claims", "types"),
    "claims-decision": ("app.domains.claims", "decisions"),
    "house-rules": ("app.domains.house_rules", "rows"),
}


def dataset_rows(domain: str, seed: int, train: int, validation: int, test: int) -> Iterator[tuple[str, str, str]]:
    """(split, text, label): so many rows of each split. Raises NotFound that lists the domains there are."""
    if domain not in DOMAINS:
        raise NotFound(f"There is no built-in domain named {domain!r}. Domains: {', '.join(sorted(DOMAINS))}.")
    module, function = DOMAINS[domain]
    rows = getattr(import_module(module), function)
    return (
        (split, text, label)
        for split, count in (("train", train), ("validation", validation), ("test", test))
        for text, label in islice(rows(seed, split), count)
    )
