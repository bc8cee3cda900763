"""A row draws from its own distribution with its own random numbers; the global generator is never touched."""

from typing import Any

import pytest
import torch

from app.catalog.catalog import Catalog
from app.engines.base import Sampling
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.sampling import Drawer, draw
from app.errors import InvalidRequest
from tests.engines.embedded.conftest import Run, ask

CHANCES = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03])


def shares(sampling: Sampling, count: int = 4000) -> list[float]:
    """How often each of five tokens is drawn."""
    found = draw(CHANCES.log().repeat(count, 1), [Drawer(replaced(sampling, seed)) for seed in range(count)])
    return [found.count(token) / count for token in range(len(CHANCES))]


def replaced(sampling: Sampling, seed: int) -> Sampling:
    return Sampling(temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k, seed=seed)


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(temperature=1.0), [0.5, 0.25, 0.15, 0.07, 0.03]),
        (Sampling(temperature=0.0), [1, 0, 0, 0, 0]),
        (Sampling(temperature=1e-6), [1, 0, 0, 0, 0]),
        (Sampling(temperature=1e6), [0.2] * 5),
        (Sampling(temperature=1.0, top_k=2), [2 / 3, 1 / 3, 0, 0, 0]),
        (Sampling(temperature=1.0, top_k=99), [0.5, 0.25, 0.15, 0.07, 0.03]),
        (Sampling(temperature=1.0, top_p=0.75), [2 / 3, 1 / 3, 0, 0, 0]),
        (Sampling(temperature=1.0, top_p=0.76), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0, 0]),
        (Sampling(temperature=1.0, top_p=1e-9), [1, 0, 0, 0, 0]),
        (Sampling(temperature=1.0, top_k=3, top_p=0.8), [2 / 3, 1 / 3, 0, 0, 0]),  # 0.83 of the first three
    ],
)
def test_tokens_are_drawn_as_often_as_their_distribution_says(sampling: Sampling, expected: list[float]) -> None:
    assert shares(sampling) == pytest.approx(expected, abs=0.03)


def test_what_is_cut_away_is_never_drawn() -> None:
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(0)).repeat(500, 1)
    drawers = [Drawer(Sampling(temperature=3.0, top_k=5, seed=seed)) for seed in range(500)]
    assert set(draw(logits, drawers)) == set(logits[0].topk(5).indices.tolist())


def test_rows_of_any_kind_do_not_disturb_each_other() -> None:
    logits = torch.randn(30, 60, generator=torch.Generator().manual_seed(0))
    kinds = [Sampling(temperature=0.0), Sampling(seed=5), Sampling(seed=6, top_p=0.9), Sampling(seed=2**64 - 1, top_k=7)]
    settings = [kinds[i % len(kinds)] for i in range(30)]
    together = draw(logits, [Drawer(sampling) for sampling in settings])
    assert together == [draw(logits[i : i + 1], [Drawer(settings[i])])[0] for i in range(30)]


def test_a_seed_repeats_an_answer_and_leaves_the_global_generator_alone(run: Run[Any], catalog: Catalog) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()

    async def story(engine: EmbeddedEngine) -> list[list[int]]:
        return [
            (await ask(engine, catalog.find("general"), "Smoke", max_tokens=20, temperature=1.0, seed=seed)).tokens
            for seed in (7, 7, 8, 2**63)
        ]

    first, again, other, large = run(story)
    assert first == again
    assert len({tuple(first), tuple(other), tuple(large)}) == 3
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"max_tokens": -1}, "max_tokens"),
    ],
)
def test_settings_that_mean_nothing_are_refused_by_name(
    run: Run[Any], catalog: Catalog, options: dict[str, Any], field: str
) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        await ask(engine, catalog.find("general"), "Smoke", **options)

    with pytest.raises(InvalidRequest, match=field) as refused:
        run(story)
    assert refused.value.param == field
