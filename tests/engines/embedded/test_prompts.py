"""Prompts of every form become the ids that the model was trained on; what cannot be read is refused before any work."""

from typing import Any

import pytest

from app.catalog.catalog import Catalog
from app.catalog.prompts import as_messages
from app.engines.base import ScoreRequest
from app.engines.embedded.codec import Codec
from app.engines.embedded.engine import EmbeddedEngine
from app.errors import ContextExceeded, InvalidRequest
from tests.engines.embedded.conftest import Answer, Run, ask, run_own, tokenizer_of

TEXT = "Smoke damaged the walls."


def test_text_ids_and_chat_are_read_as_the_tokenizer_reads_them(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")
    tokenizer = tokenizer_of(model)
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    chat = tokenizer.apply_chat_template(as_messages(TEXT), tokenize=False, add_generation_prompt=True)

    async def story(engine: EmbeddedEngine) -> list[Answer]:
        return [await ask(engine, model, prompt, max_tokens=8) for prompt in (TEXT, ids, as_messages(TEXT), chat)]

    text, by_ids, messages, rendered = run(story)
    assert (text.tokens, text.done.prompt_tokens) == (by_ids.tokens, len(ids))
    assert (messages.tokens, messages.done.prompt_tokens) == (rendered.tokens, rendered.done.prompt_tokens)
    assert chat.startswith("<|begin|><|user|>")


def test_an_empty_text_begins_with_the_token_that_begins_texts(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> list[Answer]:
        return [await ask(engine, model, prompt, max_tokens=4) for prompt in ("", [tokenizer_of(model).bos_token_id])]

    empty, begin = run(story)
    assert (empty.tokens, empty.done.prompt_tokens) == (begin.tokens, 1)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ([], "prompt is empty"),
        ([3, 9999, 5], "Token 1 is 9999, and general@1 has the ids 0 to 383"),
        ([-1], "Token 0 is -1"),
        ("smoke \ud83d", "half a character"),
        ([{"role": "tool", "content": "42"}], "role 'tool' is not one of system, user, assistant"),
    ],
)
def test_prompts_that_cannot_be_read_are_refused(run: Run[Any], catalog: Catalog, prompt: Any, says: str) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        await ask(engine, catalog.find("general"), prompt)

    with pytest.raises(InvalidRequest, match=says):
        run(story)


def test_what_the_chat_template_refuses_is_told(own_catalog: Catalog) -> None:
    model = own_catalog.find("general")
    (model.folder / "chat_template.jinja").write_text("{{ raise_exception('user and assistant must take turns') }}")

    async def story(engine: EmbeddedEngine) -> None:
        await ask(engine, own_catalog.find("general"), as_messages(TEXT))

    with pytest.raises(InvalidRequest, match="user and assistant must take turns"):
        run_own(story)


def test_a_model_without_a_chat_template_reads_turns_as_paragraphs(own_catalog: Catalog) -> None:
    folder = own_catalog.find("general").folder
    (folder / "chat_template.jinja").unlink()

    async def story(engine: EmbeddedEngine) -> tuple[Answer, Answer]:
        model = own_catalog.find("general")
        plain = f"<|begin|>{TEXT}\n"
        return await ask(engine, model, as_messages(TEXT), max_tokens=3), await ask(engine, model, plain, max_tokens=3)

    turns, text = run_own(story)
    assert turns.tokens == text.tokens


def test_an_answer_fits_the_context_and_a_prompt_must_leave_room(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")  # 256 tokens
    prompt = [20] * 250

    async def story(engine: EmbeddedEngine) -> None:
        for asked in (None, 100, 6):
            found = await ask(engine, model, prompt, max_tokens=asked)
            assert (len(found.tokens), found.done.finish_reason) == (6, "length")
        assert len((await ask(engine, model, [20] * 255, max_tokens=9)).tokens) == 1
        whole = await ask(engine, model, [20] * 256, max_tokens=0, echo=True, logprobs=1)
        assert len(whole.echo[0].logprobs) == 256
        for length, most in ((256, 1), (256, None), (257, 0), (1000, 5)):
            with pytest.raises(ContextExceeded, match=f"has {max(257, length + (most != 0))} tokens.* at most 256"):
                await ask(engine, model, [20] * length, max_tokens=most)

    run(story)


def test_labels_must_fit_the_context_too(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("adapter-a")
    label = "water damage"
    size = len(tokenizer_of(model)(label)["input_ids"])

    async def story(engine: EmbeddedEngine) -> None:
        scores = await engine.score(ScoreRequest(model, [20] * (256 - size), ("fire", label)))
        assert scores.label_tokens[1] == size
        with pytest.raises(ContextExceeded, match="has 257 tokens"):
            await engine.score(ScoreRequest(model, [20] * (257 - size), ("fire", label)))

    run(story)


@pytest.mark.parametrize(
    ("labels", "says"),
    [((), "no labels"), (("fire", "theft", "fire"), "'fire' occurs twice"), (("fire", ""), "Label 1 is empty")],
)
def test_labels_that_cannot_be_scored_are_refused(run: Run[Any], catalog: Catalog, labels: tuple[str, ...], says: str) -> None:
    async def story(engine: EmbeddedEngine) -> None:
        await engine.score(ScoreRequest(catalog.find("general"), TEXT, labels))

    with pytest.raises(InvalidRequest, match=says) as refused:
        run(story)
    assert refused.value.param == "labels"


def test_tokenize_and_detokenize_are_the_tokenizers_own(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("adapter-b")
    long = TEXT * 1000  # long enough to be read in a thread

    async def story(engine: EmbeddedEngine) -> None:
        for text in (TEXT, "<|user|>" + TEXT + "<|end|>", long):
            ids = await engine.tokenize(model, text)
            assert ids == tokenizer_of(model)(text, add_special_tokens=False)["input_ids"]
            assert await engine.detokenize(model, ids) == text
        with pytest.raises(InvalidRequest, match="Token 1 is 9999"):
            await engine.detokenize(model, [1, 9999])
        info = await engine.tokenizer_info(model)
        assert (info.bos_token, info.eos_token, info.pad_token) == ("<|begin|>", "<|end|>", "<|pad|>")
        assert info.chat_template == (catalog.find("general").folder / "chat_template.jinja").read_text()

    run(story)


def test_an_adapter_may_bring_a_chat_template_of_its_own(own_catalog: Catalog) -> None:
    folder = own_catalog.find("adapter-a").folder
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    model = next(version for version in Catalog([folder.parent]).versions() if version.name == "adapter-a")

    assert Codec(model).prompt_ids(as_messages(TEXT)) == Codec(model).encode(TEXT)
    assert Codec(own_catalog.find("general")).prompt_ids(as_messages(TEXT)) != Codec(model).encode(TEXT)
