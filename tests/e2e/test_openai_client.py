"""OpenAI's own Python client talks to the service: chat, stream, completions with echo and log-probabilities, errors."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
import torch
from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam
from transformers import AutoModelForCausalLM, AutoTokenizer

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def client(service: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service}/v1", api_key="none", max_retries=0, http_client=httpx.Client(trust_env=False)) as client:
        yield client


def test_models_are_listed_and_found(client: OpenAI) -> None:
    model, adapter = client.models.list().data

    assert (model.id, adapter.id) == ("general@1", "adapter@1")
    assert client.models.retrieve("general").id == model.id


def test_a_chat_is_answered_and_its_seed_brings_the_answer_again(client: OpenAI) -> None:
    first, again = (
        client.chat.completions.create(model="general", messages=HELLO, max_completion_tokens=12, seed=5) for _ in range(2)
    )

    assert first.choices[0].message.content == again.choices[0].message.content
    assert first.choices[0].finish_reason in ("stop", "length")
    assert first.usage is not None
    assert 0 < first.usage.completion_tokens <= 12
    assert first.system_fingerprint == again.system_fingerprint


def test_a_streamed_chat_joins_to_the_whole_answer(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="general", messages=HELLO, max_completion_tokens=12, temperature=0)

    with client.chat.completions.create(
        model="general",
        messages=HELLO,
        max_completion_tokens=12,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)

    assert (
        "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == whole.choices[0].message.content
    )
    assert chunks[-1].usage == whole.usage


def test_a_streamed_chat_tells_the_log_probabilities_of_the_whole(client: OpenAI) -> None:
    whole = client.chat.completions.create(
        model="general", messages=HELLO, max_completion_tokens=6, temperature=0, logprobs=True, top_logprobs=2
    )
    with client.chat.completions.create(
        model="general", messages=HELLO, max_completion_tokens=6, temperature=0, logprobs=True, top_logprobs=2, stream=True
    ) as stream:
        told = [one for chunk in stream for choice in chunk.choices if choice.logprobs for one in choice.logprobs.content or ()]

    assert whole.choices[0].logprobs is not None
    assert told == whole.choices[0].logprobs.content


def test_echoed_log_probabilities_are_those_of_the_plain_model(client: OpenAI, models_dir: Path, service: str) -> None:
    text = "The insured reports that the car was hit at the crossing."
    ids = httpx.post(f"{service}/tokenize", json={"prompt": text}, trust_env=False).json()["tokens"]

    for prompt in (text, [ids]):
        (choice,) = client.completions.create(
            model="general", prompt=prompt, max_tokens=1, logprobs=1, echo=True, temperature=0, seed=1234
        ).choices

        assert choice.logprobs is not None
        told, top = choice.logprobs.token_logprobs, choice.logprobs.top_logprobs
        assert told is not None
        assert top is not None
        assert len(told) == len(top) == len(ids) + 1
        assert told[0] is None
        plain = AutoModelForCausalLM.from_pretrained(models_dir / "general").eval()
        with torch.inference_mode():
            logprobs = plain(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        expected = logprobs[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()
        assert told[1:-1] == pytest.approx(expected, abs=1e-4)
        assert [max(one.values()) for one in top[1:]] == pytest.approx(logprobs.max(-1).values.tolist(), abs=1e-4)
        assert choice.text.startswith(text)
        greedy = AutoTokenizer.from_pretrained(models_dir / "general").decode([int(logprobs[-1].argmax())])
        assert choice.logprobs.tokens is not None
        assert choice.logprobs.tokens[-1] == greedy


def test_prompts_in_a_list_are_answered_as_alone(client: OpenAI) -> None:
    prompts = ["Smoke damaged", "The bicycle was stolen from"]

    together = client.completions.create(model="general", prompt=prompts, max_tokens=8, temperature=0).choices
    alone = [client.completions.create(model="general", prompt=one, max_tokens=8, temperature=0).choices[0] for one in prompts]

    assert [choice.text for choice in together] == [choice.text for choice in alone]


def test_a_streamed_completion_joins_to_the_whole(client: OpenAI) -> None:
    whole = client.completions.create(model="general", prompt="Smoke", max_tokens=8, temperature=0)

    with client.completions.create(model="general", prompt="Smoke", max_tokens=8, temperature=0, stream=True) as stream:
        assert "".join(choice.text for chunk in stream for choice in chunk.choices) == whole.choices[0].text


def test_errors_arrive_as_the_client_s_own_exceptions(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean general") as unknown:
        client.chat.completions.create(model="generel", messages=HELLO)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError, match="at most 256") as long:
        client.completions.create(model="general", prompt="fire " * 400)
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="tools"):
        client.chat.completions.create(
            model="general", messages=HELLO, tools=[{"type": "function", "function": {"name": "look"}}]
        )
    with pytest.raises(openai.UnprocessableEntityError, match="temprature"):
        client.chat.completions.create(model="general", messages=HELLO, extra_body={"temprature": 1})


def test_labels_scored_over_http_are_those_of_the_plain_model(service: str, models_dir: Path) -> None:
    text, labels = "a pipe burst and the kitchen was under water", ["water damage", "theft", "fire"]
    tokenizer = AutoTokenizer.from_pretrained(models_dir / "general")
    plain = AutoModelForCausalLM.from_pretrained(models_dir / "general").eval()

    answer = httpx.post(
        f"{service}/v1/classify", json={"model": "general", "input": text, "labels": labels}, trust_env=False, timeout=60
    )

    (result,) = answer.json()["results"]
    turn = "Choose the one label that fits the text best.\nLabels: water damage; theft; fire\n\nText: " + text + "\nLabel:"
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": turn}], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    likelihoods = []
    for label in labels:
        said = [*tokenizer(label, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        with torch.inference_mode():
            logprobs = plain(torch.tensor([[*prompt, *said]])).logits[0].double().log_softmax(-1)
        places = torch.arange(len(prompt) - 1, len(prompt) + len(said) - 1)
        likelihoods.append(float(logprobs[places, torch.tensor(said)].sum().exp()))
    assert result["label_mass"] == pytest.approx(sum(likelihoods), rel=1e-3)
    shares = {label: one / sum(likelihoods) for label, one in zip(labels, likelihoods, strict=True)}
    assert result["probabilities"] == pytest.approx(shares, rel=1e-3)
    assert result["label"] == max(shares, key=shares.__getitem__)
