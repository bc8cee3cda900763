"""Log-probabilities and echo as the evaluation clients read them: one entry per token, from one tensor, rounded once."""

from typing import Any

import pytest
import torch

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.embedded.engine import EmbeddedEngine
from app.errors import InvalidRequest
from tests.engines.embedded.conftest import Answer, Run, ask, plain_model, tokenizer_of

PROMPT = "The insured reports that the car was hit"


def answer(run: Run[Any], model: ModelVersion, prompt: Any = PROMPT, **options: Any) -> Answer:
    async def story(engine: EmbeddedEngine) -> Answer:
        return await ask(engine, model, prompt, **options)

    return run(story)


def ids_of(model: ModelVersion, text: str) -> list[int]:
    return tokenizer_of(model)(text, add_special_tokens=False)["input_ids"]


def plain_logprobs(model: ModelVersion, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return plain_model(model)(torch.tensor([ids])).logits[0].log_softmax(-1)


def test_the_echo_has_one_entry_per_token_of_the_prompt_and_the_answer_follows(run: Run[Any], model: ModelVersion) -> None:
    ids = ids_of(model, PROMPT)
    found = answer(run, model, ids, max_tokens=1, logprobs=1, echo=True)

    (echo,) = found.echo
    assert echo.text == PROMPT
    assert echo.tokens == tuple(ids)
    entries = [*echo.logprobs, *found.logprobs]
    assert len(entries) == len(ids) + 1  # clients cut the last one off: it has to be there
    assert (entries[0].logprob, entries[0].top) == (None, {})
    expected = plain_logprobs(model, ids)
    for place, entry in enumerate(entries[1:], 1):
        assert entry.logprob == pytest.approx(expected[place - 1, entry.token].item(), abs=1e-4)
        ((best, most),) = entry.top.items()
        assert most == pytest.approx(expected[place - 1].max().item(), abs=1e-4)
        assert (entry.logprob == most) == (entry.token == best)  # exact: that is how clients tell greedy
    assert found.tokens == [entries[-1].token]
    assert entries[-1].logprob == max(entries[-1].top.values())
    assert found.done.finish_reason == "length"


def test_an_echo_without_a_token_of_its_own(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("adapter-a")
    found = answer(run, model, max_tokens=0, logprobs=3, echo=True)

    assert [len(entry.top) for entry in found.echo[0].logprobs[1:]] == [3] * (len(found.echo[0].tokens) - 1)
    assert (found.tokens, found.text) == ([], "")
    assert found.done.finish_reason == "length"
    assert (found.done.completion_tokens, found.done.ttft_ms) == (0, None)

    silent = answer(run, model, max_tokens=0, echo=True)
    assert (silent.echo[0].text, silent.echo[0].logprobs) == (PROMPT, ())
    assert answer(run, model, max_tokens=0).pieces == []


def test_sampling_does_not_touch_the_reported_numbers(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")
    found = answer(run, model, max_tokens=12, logprobs=4, temperature=1.7, top_p=0.8, top_k=50, seed=3)

    ids = ids_of(model, PROMPT)
    expected = plain_logprobs(model, ids + found.tokens)
    for place, entry in enumerate(found.logprobs, len(ids)):
        assert entry.logprob == pytest.approx(expected[place - 1, entry.token].item(), abs=1e-4)
        assert [*entry.top] == expected[place - 1].topk(4).indices.tolist()
        assert [*entry.top.values()] == sorted(entry.top.values(), reverse=True)
        assert entry.text == tokenizer_of(model).decode([entry.token])
        assert entry.top_texts == {token: tokenizer_of(model).decode([token]) for token in entry.top}


def test_no_alternatives_when_none_are_asked_for(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")
    assert answer(run, model, max_tokens=2).logprobs == []
    assert [entry.top for entry in answer(run, model, max_tokens=2, logprobs=0).logprobs] == [{}, {}]


def test_more_alternatives_than_the_engine_gives_are_refused(run: Run[Any], catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest, match="logprobs must be between 0 and 20"):
        answer(run, catalog.find("general"), max_tokens=1, logprobs=21)


def test_a_prompt_of_one_token_has_one_empty_entry(run: Run[Any], catalog: Catalog) -> None:
    found = answer(run, catalog.find("general"), [17], max_tokens=1, logprobs=1, echo=True)
    assert [entry.logprob for entry in found.echo[0].logprobs] == [None]
    assert len(found.logprobs) == 1
