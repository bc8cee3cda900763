"""A row draws from its own distribution with its own random numbers; the global generator is never touched."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.base import Sampling
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.sampling import Drawer, draw
from app.errors import InvalidRequest
from tests.engines.embedded.conftest import Run, ask, plain_model, tokenizer_of

CHANCES = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03])


def shares(sampling: Sampling, count: int = 4000) -> list[float]:
    """How often each of five tokens is drawn."""
    found = draw(CHANCES.log().repeat(count, 1), [Drawer(replaced(sampling, seed)) for seed in range(count)])
    return [found.count(token) / count for token in range(len(CHANCES))]


def replaced(sampling: Sampling, seed: int) -> Sampling:
    return replace(sampling, seed=seed)


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
        (Sampling(temperature=1.0, min_p=0.29), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0, 0]),
        (Sampling(temperature=1.0, min_p=1.0), [1, 0, 0, 0, 0]),
        (Sampling(temperature=1e6, min_p=0.5), [0.2] * 5),  # of the likeliest after the temperature
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


# ---- Logits that are changed before a token is drawn


def test_penalties_and_bias_change_the_logits_as_their_formulas_say() -> None:
    logits = torch.tensor([2.0, -1.0, 0.5, 3.0, -2.0])
    asked = Sampling(logit_bias=((0, 1.5),), repetition_penalty=2.0, presence_penalty=0.25, frequency_penalty=0.5)
    drawer = Drawer(asked, prompt=[1, 3])
    for token in (3, 4, 3):
        drawer.took(token)

    expected = torch.tensor([3.5, -2.0, 0.5, 1.5 - 0.25 - 2 * 0.5, -4.0 - 0.25 - 0.5])
    drawer.shape(logits)
    assert torch.equal(logits, expected)


@pytest.mark.parametrize("neutral", [Sampling(), Sampling(temperature=0.0, top_p=0.5, top_k=3, min_p=0.1, stop=("x",))])
def test_settings_that_change_no_logit_cost_nothing(neutral: Sampling) -> None:
    assert not Drawer(neutral, prompt=[1]).shapes


def test_a_repetition_penalty_gives_the_answer_of_transformers(run: Run[Any], model: ModelVersion) -> None:
    ids = tokenizer_of(model)("Smoke damaged the walls", return_tensors="pt", add_special_tokens=False)["input_ids"]
    out = plain_model(model).generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=16,
        do_sample=False,
        repetition_penalty=1.7,
        use_cache=True,
    )

    async def story(engine: EmbeddedEngine) -> list[int]:
        answer = await ask(engine, model, ids[0].tolist(), max_tokens=16, repetition_penalty=1.7)
        return answer.tokens

    assert run(story) == out[0, ids.shape[1] :].tolist()


def test_bias_forces_and_forbids_tokens_and_frequency_spreads_them(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> None:
        plain = await ask(engine, model, "Smoke", max_tokens=12)
        forced = await ask(engine, model, "Smoke", max_tokens=5, logit_bias=((7, 100.0),))
        assert forced.tokens == [7] * 5
        without = await ask(engine, model, "Smoke", max_tokens=12, logit_bias=tuple((token, -100.0) for token in plain.tokens))
        assert not set(without.tokens) & set(plain.tokens)
        spread = await ask(engine, model, "Smoke", max_tokens=12, logit_bias=((7, 20.0), (8, 19.0)), frequency_penalty=2.0)
        assert Counter(spread.tokens) == {7: 6, 8: 6}
        once = await ask(engine, model, "Smoke", max_tokens=2, logit_bias=((7, 20.0), (8, 19.0)), presence_penalty=2.0)
        assert once.tokens == [7, 8]

    run(story)


def test_log_probabilities_are_the_model_s_own_whatever_is_changed(run: Run[Any], catalog: Catalog) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        model = catalog.find("general")
        plain = await ask(engine, model, "Smoke", max_tokens=1, logprobs=3)
        forced = await ask(engine, model, "Smoke", max_tokens=1, logprobs=3, logit_bias=((7, 100.0),), temperature=0.0)
        assert forced.tokens == [7]
        assert forced.logprobs[0].top == plain.logprobs[0].top
        assert forced.logprobs[0].logprob is not None
        assert forced.logprobs[0].logprob < -1

    run(story)


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"min_p": -0.1}, "min_p"),
        ({"min_p": 1.5}, "min_p"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"logit_bias": ((401, 1.0),)}, "logit_bias"),
    ],
)
def test_settings_out_of_their_bounds_are_named(run: Run[Any], catalog: Catalog, options: dict[str, Any], param: str) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        with pytest.raises(InvalidRequest) as caught:
            await ask(engine, catalog.find("general"), "Smoke", max_tokens=1, **options)
        assert caught.value.param == param

    run(story)
