"""Bits per byte compare models of different tokenizers; what one model cannot read counts for neither."""

import asyncio
import math

import pytest

from app.benchmarks.client import Refused
from app.benchmarks.scorecard.asking import Asked, Pair, Unmeasured, ask_both
from app.benchmarks.scorecard.likelihood import Echo, bits_per_byte, common_start

PAIR = Pair("general@1", "custom@1", ("a", "b"))
TEXT = "naïve water claim"


def echo(*tokens: str, bits_per_byte: float = 8.0) -> Echo:
    """TEXT cut into these tokens, every byte as surprising as any other."""
    offsets = [sum(map(len, tokens[:place])) for place in range(len(tokens))]
    logprobs = [None, *(-bits_per_byte * math.log(2) * len(token.encode()) for token in tokens[1:])]
    return Echo("".join(tokens), offsets, logprobs, [None, *({token: -0.1} for token in tokens[1:])])


COARSE = echo("naïve", " water", " claim")
FINE = echo("na", "ï", "ve", " wa", "ter", " c", "laim")


def test_another_tokenizer_is_no_other_surprise() -> None:
    """A model that finds all bytes equally likely has 8 bits per byte, however its tokens are cut."""
    bits = bits_per_byte(Asked([COARSE], [FINE], [0], 0))
    assert bits.general == pytest.approx([8.0])
    assert bits.custom == pytest.approx([8.0])


def test_both_are_scored_from_where_a_token_begins_for_both() -> None:
    assert common_start(COARSE, FINE) == len("naïve")
    assert common_start(COARSE, FINE, latest=len("naïve water")) == len("naïve water")
    assert common_start(COARSE, FINE, latest=3) is None
    assert common_start(COARSE, echo(TEXT)) is None  # one token: nothing has a probability
    assert COARSE.bits_from(len("naïve water")) == pytest.approx(8 * len(" claim"))


def test_a_text_without_a_common_place_is_left_out_of_both() -> None:
    bits = bits_per_byte(Asked([COARSE, COARSE], [echo(TEXT), FINE], [0, 1], 0))
    assert (len(bits.general), len(bits.custom)) == (1, 1)


def test_the_entropy_counts_what_is_not_told_as_one_more() -> None:
    told = Echo("a b", [0, 1], [None, math.log(0.5)], [None, {" b": math.log(0.5), " c": math.log(0.25)}])
    assert told.entropy_at(1) == pytest.approx(1.5)  # 1/2, 1/4 and the rest, 1/4
    sure = Echo("a b", [0, 1], [None, 0.0], [None, {" b": 0.0}])
    assert sure.entropy_at(1) == 0.0


def test_what_is_too_long_for_one_counts_for_neither() -> None:
    async def ask(model: str, item: int) -> str:
        if model == PAIR.custom and item == 1:
            raise Refused("The prompt has 9 tokens.", 400, "context_length_exceeded")
        return f"{model} {item}"

    asked = asyncio.run(ask_both(PAIR, [0, 1, 2], ask))
    assert asked.general == ["general@1 0", "general@1 2"]
    assert asked.custom == ["custom@1 0", "custom@1 2"]
    assert (asked.kept, asked.too_long) == ([0, 2], 1)
    assert "1 texts were longer" in asked.note("texts")[0]


def test_an_engine_that_cannot_be_asked_is_told_and_a_broken_service_is_an_error() -> None:
    async def refused(model: str, item: int) -> None:
        raise Refused("The engine of cloud@1 does not know echo; leave it out.", 400, "invalid_request")

    async def broken(model: str, item: int) -> None:
        raise Refused("Something failed.", 500, "internal_error")

    with pytest.raises(Unmeasured, match="does not know echo"):
        asyncio.run(ask_both(PAIR, [0], refused))
    with pytest.raises(Refused, match="Something failed"):
        asyncio.run(ask_both(PAIR, [0], broken))
