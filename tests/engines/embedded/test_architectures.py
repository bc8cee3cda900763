"""Each architecture answers and scores as transformers and PEFT compute it, in its own words, whatever its tokenizer lacks."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.prompts import Message
from app.engines.base import ScoreRequest
from app.engines.embedded.codec import Codec
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.outline import outline
from app.engines.embedded.turns import PLAIN_TEMPLATE
from app.errors import InvalidRequest, Unprocessable
from tests.architectures import ARCHITECTURES, CONTEXT, make_tiny
from tests.engines.embedded.conftest import Run, ask, plain_model
from tests.models import make_adapter

LABELS = ("fire", "theft", "water damage", "water")
ASKED = [Message(role="user", content="The bicycle was stolen from the yard.")]
NAMES = [f"{name}{kind}" for name in ARCHITECTURES for kind in ("", "-adapter")]


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("zoo")
    for number, name in enumerate(ARCHITECTURES):
        make_tiny(root, name)
        embedding = "wte" if name == "gpt2" else "embed_tokens"
        layers = ["c_attn", "c_fc", "mlp.c_proj"] if name == "gpt2" else ["q_proj", "v_proj", "down_proj"]
        options = {"target_modules": [embedding, *layers], "fan_in_fan_out": name == "gpt2"}
        make_adapter(root, Catalog([root]).find(name), f"{name}-adapter", seed=number, r=3, lora_alpha=6, **options)
    catalog = Catalog([root])
    assert catalog.broken == {}
    return catalog


def plain_log_likelihoods(model: ModelVersion, prompt: list[int], labels: list[list[int]], end: int) -> list[float]:
    """Each label by itself, the end of the answer included."""
    module = plain_model(model)
    found = []
    for label in labels:
        answer = [*label, end]
        with torch.inference_mode():
            logits = module(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        found.append(logits.float().log_softmax(-1)[range(len(answer)), answer].sum().item())
    return found


def plain_answer(model: ModelVersion, prompt: list[int], tokens: int, ends: frozenset[int]) -> list[int]:
    module = plain_model(model)
    with torch.inference_mode():
        found = module.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=sorted(ends),
            pad_token_id=0,
        )
    ids: list[int] = found[0, len(prompt) :].tolist()
    return ids


@pytest.mark.parametrize("name", NAMES)
def test_answers_and_label_scores_are_those_of_transformers(name: str, zoo: Catalog, run: Run[Any]) -> None:
    model = zoo.find(name)
    codec = Codec(model)
    prompt = codec.prompt_ids(ASKED)
    assert codec.end is not None

    async def story(engine: EmbeddedEngine) -> None:
        answer = await ask(engine, model, ASKED, max_tokens=24)
        expected = plain_answer(model, prompt, 24, codec.ends)
        assert [token for token in answer.tokens if token not in codec.ends] == [t for t in expected if t not in codec.ends]
        scores = await engine.score(ScoreRequest(model, ASKED, LABELS))
        plain = plain_log_likelihoods(model, prompt, [codec.encode(label) for label in LABELS], codec.end)
        assert scores.log_likelihoods == pytest.approx(plain, abs=1e-4)

    run(story)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_company_changes_no_bit(name: str, zoo: Catalog, run: Run[Any]) -> None:
    prompts = ["a pipe burst", "The car was hit at the crossing, smoke damaged the walls.", "fire"]
    asked = [(zoo.find(kind), prompt) for kind in (name, f"{name}-adapter") for prompt in prompts]

    async def story(engine: EmbeddedEngine) -> None:
        alone = [await ask(engine, model, prompt, max_tokens=12, logprobs=1) for model, prompt in asked]
        together = await asyncio.gather(*(ask(engine, model, prompt, max_tokens=12, logprobs=1) for model, prompt in asked))
        for one, other in zip(alone, together, strict=True):
            assert (one.tokens, one.logprobs) == (other.tokens, other.logprobs)

    run(story)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_outline_tells_what_will_be_served(name: str, zoo: Catalog) -> None:
    model = zoo.find(name)
    told = outline(model.folder, name)
    assert told.architecture == type(plain_model(model)).__name__
    assert (told.parameters, told.context) == (model.card.parameters, CONTEXT)
    assert told.chat_template == (name != "gpt2")


def test_capped_scores_are_refused_before_the_weights_come(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path, "gemma2")
    (folder / "model.safetensors").unlink()
    with pytest.raises(Unprocessable, match=r"org/gemma has an architecture that is not served here \(gemma2: .*softcap"):
        outline(folder, "org/gemma")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_system_turn_is_heard_by_every_model(name: str, zoo: Catalog) -> None:
    codec = Codec(zoo.find(name))
    text = codec.decode(codec.prompt_ids([Message(role="system", content="Be brief."), *ASKED]))
    assert text.index("Be brief.") < text.index("The bicycle")
    if name in ("gemma", "gemma3", "mistral"):
        assert "Be brief.\n\nThe bicycle" in text
    more = [*ASKED, Message(role="assistant", content="theft"), Message(role="user", content="Why?")]
    assert codec.decode(codec.prompt_ids([Message(role="system", content="Be brief."), *more])).count("Be brief.") == 1


def test_what_a_template_refuses_otherwise_is_told(zoo: Catalog) -> None:
    codec = Codec(zoo.find("mistral"))
    for turns in ([*ASKED, *ASKED], [Message(role="system", content="Be brief.")]):
        with pytest.raises(InvalidRequest, match="refuses these messages: Conversation roles must alternate"):
            codec.prompt_ids(turns)


def test_an_answer_ends_as_the_template_ends_a_turn(zoo: Catalog) -> None:
    ends = {name: Codec(zoo.find(name)).info.eos_token for name in ARCHITECTURES}
    assert ends["gemma"] == ends["gemma3"] == "<end_of_turn>"
    assert (ends["llama"], ends["qwen2"], ends["mistral"], ends["gpt2"]) == (
        "<|eot_id|>",
        "<|im_end|>",
        "</s>",
        "<|endoftext|>",
    )
    gemma = Codec(zoo.find("gemma"))
    assert {gemma.decode([token]) for token in gemma.ends} == {"<eos>", "<end_of_turn>"}


def test_turns_without_a_template_are_paragraphs(zoo: Catalog) -> None:
    codec = Codec(zoo.find("gpt2"))
    assert codec.info.chat_template == PLAIN_TEMPLATE
    turns = [*ASKED, Message(role="assistant", content="theft"), Message(role="user", content="Why?")]
    said = codec.decode(codec.prompt_ids(turns))
    assert said == "<|endoftext|>The bicycle was stolen from the yard.\n\ntheft<|endoftext|>\n\nWhy?\n"


def test_a_token_without_weights_is_never_read(zoo: Catalog, tmp_path: Path) -> None:
    shutil.copytree(zoo.find("gemma3").folder, tmp_path / "gemma3")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "gemma3")
    spare = Codec(zoo.find("gemma3")).vocabulary - len(tokenizer)
    tokenizer.add_tokens([*(f"<unused{number}>" for number in range(spare)), "<image_soft_token>"], special_tokens=True)
    tokenizer.save_pretrained(tmp_path / "gemma3")
    codec = Codec(Catalog([tmp_path]).find("gemma3"))
    assert max(codec.encode("<unused0> a pipe burst")) < codec.vocabulary
    assert codec.grammar_tokenizer.vocab_size == codec.vocabulary
    with pytest.raises(InvalidRequest, match="The text holds <image_soft_token>, for which gemma3@1 has no weights"):
        codec.encode("an <image_soft_token>")
