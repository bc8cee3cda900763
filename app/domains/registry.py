"""The built-in domains that benchmarks run on, by name; each is imported when it is first asked for."""

from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Literal, NamedTuple

from app.errors import NotFound


class Domain(NamedTuple):
    """A module and its function (seed, split) -> endless (text, label), and the kind of dataset that these are: the label is
    stored as one of that kind is. The first N rows of a split are always the same."""

    module: str
    function: str
    kind: Literal["classification", "extraction", "text_to_text", "text"] = "classification"


DOMAINS: dict[str, Domain] = {
    "claims-type": Domain("app.domains.claims", "types"),
    "claims-decision": Domain("app.domains.claims", "decisions"),
    "claims-fields": Domain("app.domains.claims_texts", "fields", "extraction"),
    "claims-questions": Domain("app.domains.claims_texts", "questions", "text_to_text"),
    "claims-summary": Domain("app.domains.claims_texts", "summaries", "text_to_text"),
    "claims-notes": Domain("app.domains.claims_texts", "notes", "text"),
    "house-rules": Domain("app.domains.house_rules", "rows"),
}


def dataset_rows(domain: str, seed: int, train: int, validation: int, test: int) -> Iterator[tuple[str, str, str]]:
    """(split, text, label): so many rows of each split. Raises NotFound that lists the domains there are."""
    if domain not in DOMAINS:
        raise NotFound(f"There is no built-in domain named {domain!r}. Domains: {', '.join(sorted(DOMAINS))}.")
    rows = getattr(import_module(DOMAINS[domain].module), DOMAINS[domain].function)
    return (
        (split, text, label)
        for split, count in (("train", train), ("validation", validation), ("test", test))
        for text, label in islice(rows(seed, split), count)
    )
