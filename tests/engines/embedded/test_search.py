"""The best label is found without computing the others, and it is the one that all scores would have named."""

import asyncio
import math
from typing import Any

import pytest
import torch

from app.catalog.catalog import Catalog
from app.engines.base import Ranking, ScoreRequest, Scores
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.network import Network
from app.engines.embedded.search import Search, grow
from tests.engines.embedded.conftest import Run, run_own

LABELS = tuple(
    f"{kind} {part}" for kind in ("water damage", "water", "fire", "theft of") for part in ("roof", "car", "car key", "a")
)
END = 0
RANKINGS = [Ranking(), Ranking(per_token=True), Ranking(less=[-float(n % 5) for n in range(len(LABELS))])]


def model_of(tokens: tuple[int, ...], vocabulary: int, sharp: float) -> torch.Tensor:
    """Logits of a made-up model behind these tokens."""
    return sharp * torch.randn(vocabulary, generator=torch.Generator().manual_seed(hash(tokens) % 2**31))


def searched(labels: list[list[int]], ranking: Ranking, sharp: float) -> Search:
    search = Search(grow(labels), END, [*map(len, labels)], ranking)
    search.begin(model_of((), 9, sharp))
    cache: list[int] = []
    while search.found is None:
        most = search.wants
        stay, tokens, wanted = search.step()
        assert 0 < wanted <= len(tokens) <= most
        cache = [*cache[:stay], *tokens]
        search.take(torch.stack([model_of((*cache[: len(cache) - wanted + n + 1],), 9, sharp) for n in range(wanted)]))
    return search


@pytest.mark.parametrize("sharp", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(8))
def test_the_label_found_is_the_best_of_all_by_any_ranking(seed: int, sharp: float) -> None:
    numbers = torch.Generator().manual_seed(seed)
    drawn = {
        tuple(torch.randint(1, 4, (int(torch.randint(1, 6, (), generator=numbers)),), generator=numbers).tolist())
        for _ in range(30)
    }
    labels = [[*one] for one in drawn]
    exact = []
    for label in labels:
        steps = [*label, END]
        logs = [model_of((*steps[:n],), 9, sharp).log_softmax(-1)[token] for n, token in enumerate(steps)]
        exact.append(math.fsum(map(float, logs)))
    for ranking in (Ranking(), Ranking(per_token=True), Ranking(less=[-float(n % 5) for n in range(len(labels))])):
        search = searched(labels, ranking, sharp)
        values = [ranking.value(n, one, len(label)) for n, (one, label) in enumerate(zip(exact, labels, strict=True))]
        assert search.found is not None
        assert values[search.found] == pytest.approx(max(values), abs=1e-5)
        for number, bound in enumerate(search.bounds()):
            if number in search.known:
                assert bound == pytest.approx(exact[number], abs=1e-5)
            else:
                assert bound >= exact[number] - 1e-5


def test_of_equals_the_first_is_found() -> None:
    labels = [[3, 1], [2, 2], [1, 1]]  # all alike to a model that knows nothing
    assert searched(labels, Ranking(), sharp=0.0).found == 0
    assert searched(labels[::-1], Ranking(less=[0.0, 0.0, 0.0]), sharp=0.0).found == 0


def test_a_model_that_is_sure_computes_one_way_down_the_tree() -> None:
    labels = [[kind, part] for kind in range(1, 5) for part in range(1, 9)]
    search = searched(labels, Ranking(), sharp=30.0)
    assert search.computed <= 4
    assert len(search.known) < 3


@pytest.mark.parametrize("ranking", RANKINGS, ids=["sum", "mean", "calibrated"])
def test_the_engine_finds_what_all_scores_name_in_any_company(run: Run[Any], catalog: Catalog, ranking: Ranking) -> None:
    models = [catalog.find(name) for name in ("general", "adapter-a", "full")]
    prompts = ["a pipe burst", "the car was gone when I came home " * 4, "smoke"]

    async def story(engine: EmbeddedEngine) -> tuple[list[Scores], list[Scores], list[Scores]]:
        asked = [(model, prompt) for model in models for prompt in prompts]
        whole = [await engine.score(ScoreRequest(model, prompt, LABELS)) for model, prompt in asked]
        best = [ScoreRequest(model, prompt, LABELS, best_by=ranking) for model, prompt in asked]
        return whole, [await engine.score(one) for one in best], await asyncio.gather(*map(engine.score, best))

    whole, alone, together = run(story)
    for full, one, other in zip(whole, alone, together, strict=True):
        assert (one.log_likelihoods, one.bounded) == (other.log_likelihoods, other.bounded)  # to the last bit
        values = [
            [ranking.value(n, *pair) for n, pair in enumerate(zip(scores.log_likelihoods, scores.label_tokens, strict=True))]
            for scores in (full, one)
        ]
        place = values[1].index(max(values[1]))
        assert place == values[0].index(max(values[0]))
        assert place not in one.bounded
        for number, (exact, told) in enumerate(zip(full.log_likelihoods, one.log_likelihoods, strict=True)):
            assert told >= exact - 1e-4 if number in one.bounded else told == pytest.approx(exact, abs=1e-4)


def test_a_search_that_goes_astray_scores_all_labels_instead(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens: list[int] = []
    plain = Network.logits

    def watched(self: Network, plan: Any) -> Any:
        tokens.append(len(plan.ids))
        return plain(self, plan)

    monkeypatch.setattr(Network, "logits", watched)
    monkeypatch.setattr("app.engines.embedded.batch.GIVE_UP", 10**6)  # after the first step

    async def story(engine: EmbeddedEngine) -> tuple[Scores, Scores]:
        request = ScoreRequest(catalog.find("general"), [20] * 8, LABELS)
        await engine.score(request)
        tokens.clear()
        best = await engine.score(ScoreRequest(request.model, request.prompt, LABELS, best_by=Ranking()))
        return best, await engine.score(request)

    best, whole = run_own(story)
    assert best.bounded == frozenset()
    assert best.log_likelihoods == pytest.approx(whole.log_likelihoods, abs=1e-5)
    assert len(tokens) == 3 + 1  # the prompt, a step of the search, all labels; and the other request
