"""Text comes in whole characters and ends before the first stop string, wherever the token borders are."""

import asyncio
import random
from typing import Any

import pytest

from app.catalog.catalog import Catalog, ModelVersion
from app.engines.embedded.codec import Codec
from app.engines.embedded.engine import EmbeddedEngine
from app.engines.embedded.text import TextStream
from app.errors import InvalidRequest
from tests.engines.embedded.conftest import Answer, Run, ask

TEXTS = ("naïve café — 你好, мир! 👩‍👩‍👧 fire", "a\ufffdb", "  two  spaces\n\n", "😀", "")


@pytest.fixture
def codec(catalog: Catalog) -> Codec:
    return Codec(catalog.find("general"))


def parts(codec: Codec, tokens: list[int], stop: tuple[str, ...] = ()) -> tuple[list[str], str]:
    stream = TextStream(codec, stop)
    pieces = []
    for token in tokens:
        pieces.append(stream.push(token))
        if stream.stopped:
            return pieces, ""
    return pieces, stream.finish()


@pytest.mark.parametrize("text", TEXTS)
def test_parts_of_characters_are_held_back_until_whole(codec: Codec, text: str) -> None:
    tokens = codec.encode(text)
    pieces, rest = parts(codec, tokens)
    assert "".join(pieces) + rest == text
    if "\ufffd" not in text:
        assert "\ufffd" not in "".join(pieces)


def test_the_smiley_comes_with_its_last_byte(codec: Codec) -> None:
    tokens = codec.encode("😀!")
    assert len(tokens) == 5  # four bytes, then the exclamation mark
    assert parts(codec, tokens)[0] == ["", "", "", "😀", "!"]


def test_what_never_becomes_a_character_is_given_at_the_end(codec: Codec) -> None:
    first_two_bytes = codec.encode("😀")[:2]
    assert parts(codec, first_two_bytes) == (["", ""], "\ufffd")
    assert parts(codec, [*first_two_bytes, *codec.encode("a")])[0] == ["", "", "\ufffda"]


def test_any_tokens_add_up_to_their_text(codec: Codec) -> None:
    rng = random.Random(0)
    for _ in range(200):
        tokens = [rng.randrange(6, codec.vocabulary) for _ in range(rng.randrange(1, 30))]
        pieces, rest = parts(codec, tokens)
        assert "".join(pieces) + rest == codec.decode(tokens)


def test_any_stop_strings_cut_where_the_whole_text_would_be_cut(codec: Codec) -> None:
    rng = random.Random(1)
    for _ in range(300):
        tokens = [rng.choice(codec.encode("abcab water fire")) for _ in range(20)]
        text = codec.decode(tokens)
        at = rng.randrange(len(text))
        stop = (text[at : at + rng.randrange(1, 6)], "never there")
        pieces, rest = parts(codec, tokens, stop)
        assert "".join(pieces) + rest == text[: text.find(stop[0])]


def test_what_may_begin_a_stop_string_is_held_back(codec: Codec) -> None:
    stream = TextStream(codec, ("fire!",))
    sent = [stream.push(token) for text in ("a ", "fi", "re", " b") for token in codec.encode(text)]
    assert "".join(sent) == "a fire b"
    assert not any(piece.endswith(("f", "fi", "fir", "fire")) for piece in sent)


def greedy(run: Run[Any], model: ModelVersion, **options: Any) -> Answer:
    async def story(engine: EmbeddedEngine) -> Answer:
        return await ask(engine, model, "The insured reports", max_tokens=30, **options)

    return run(story)


def test_an_answer_ends_before_a_stop_string_that_spans_tokens(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")
    whole = greedy(run, model)
    at = len(whole.text) // 2
    stop = whole.text[at : at + 6]
    assert not any(stop in piece.text for piece in whole.pieces)

    stopped = greedy(run, model, stop=(stop,), logprobs=0)

    assert stopped.text == whole.text[: whole.text.find(stop)]
    assert stopped.done.finish_reason == "stop"
    assert stopped.tokens == whole.tokens[: len(stopped.tokens)]
    assert stopped.done.completion_tokens == len(stopped.tokens) == len(stopped.logprobs)


def test_a_text_that_only_begins_like_a_stop_string_comes_whole(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")
    whole = greedy(run, model)
    again = greedy(run, model, stop=(whole.text[-3:] + "never",))
    assert (again.text, again.done.finish_reason) == (whole.text, "length")


def test_an_empty_stop_string_is_refused(run: Run[Any], catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest, match="stop string is empty"):
        greedy(run, catalog.find("general"), stop=("",))


def test_the_end_of_a_text_ends_the_answer_and_is_no_text(run: Run[Any], catalog: Catalog) -> None:
    model = catalog.find("general")

    async def story(engine: EmbeddedEngine) -> list[Answer]:
        # Hot and long enough that some answers run into the end token by chance.
        options = {"max_tokens": 120, "temperature": 1.5, "logprobs": 0}
        return await asyncio.gather(*(ask(engine, model, "Smoke", seed=seed, **options) for seed in range(20)))

    ended = [found for found in run(story) if found.done.finish_reason == "stop"]
    assert ended
    for found in ended:
        end = Codec(model).end
        assert found.tokens.index(end) == len(found.tokens) - 1
        assert found.logprobs[-1].token == end
        assert "<|end|>" not in found.text
        assert found.done.completion_tokens == len(found.tokens)
