"""The baselines without labels learn from training, choose on validation, and answer as told."""

import json
import math
from collections.abc import Sequence

import pytest

from app.benchmarks.runner import Arm, Case, Chunk
from app.benchmarks.scored.baselines import BASELINES, ScoredBaseline
from app.benchmarks.scored.cases import Gold
from app.benchmarks.scored.ngrams import LONGEST, ByteNgrams
from app.benchmarks.scored.scales import SCALES

Texts = Sequence[tuple[str, str]]  # text, right answer


def fitted(name: str, train: Texts, validation: Texts, fields: tuple[str, ...] = ()) -> ScoredBaseline:
    kind, made = BASELINES[name]
    first = [Case(at, *one) for at, one in enumerate(train)]
    held_out = [Case(len(first) + at, *one) for at, one in enumerate(validation)]
    gold = {case.id: Gold(case, fields=fields) for case in held_out}
    return ScoredBaseline(Arm(made.name, "baseline", name), SCALES[kind], first, held_out, gold, seed=0)


def answers(baseline: ScoredBaseline, *texts: str) -> list[str]:
    cases = [Case(100 + at, text, "") for at, text in enumerate(texts)]
    rows = baseline.answer(cases, Chunk(baseline.arm.name, "base", tuple(case.id for case in cases), 1))
    assert all(row["latency_ms"] >= 0 and row["error"] is None for row in rows)
    return [row["text"] for row in rows]


def test_each_field_gets_its_most_frequent_value_and_validation_says_whether_it_may_stay_empty() -> None:
    train = [("a", json.dumps({"type": kind, "limit": limit})) for kind, limit in
             (("fire", None), ("fire", None), ("theft", 5), ("fire", None))]  # fmt: skip
    named = [("b", '{"type": "fire", "limit": 5}')] * 3
    empty = [("b", '{"type": "fire", "limit": null}')] * 3
    assert json.loads(answers(fitted("frequent-values", train, named, ("type", "limit")), "x")[0]) == {
        "type": "fire",
        "limit": 5,
    }
    sparse = fitted("frequent-values", train, empty, ("type", "limit"))
    assert json.loads(answers(sparse, "x")[0]) == {"type": "fire", "limit": None}
    assert sparse.validation_accuracy == 1
    assert "may stay empty" in sparse.note


def test_the_answer_to_the_nearest_training_question_is_given() -> None:
    train = [("What is the deductible of this policy?", "500"), ("Who reported the fire in the kitchen?", "the tenant")]
    nearest = fitted("nearest-question", train, [("What was the deductible?", "500")])
    assert answers(nearest, "Who saw the fire?", "And the deductible?") == ["the tenant", "500"]


def test_the_lead_has_as_many_sentences_as_validation_prefers() -> None:
    text = "A pipe burst. Water ran into 2.5 rooms!\nDoctor: No more. The end."
    assert answers(fitted("lead", [("x", "y")], [(text, "A pipe burst. Water ran into 2.5 rooms!")]), text, "") == [
        "A pipe burst. Water ran into 2.5 rooms!",
        "",
    ]
    assert answers(fitted("lead", [("x", "y")], [(text, "pipe burst")]), text) == ["A pipe burst."]


def test_bytes_are_foreseen_by_what_stood_before_them() -> None:
    train = [("the claim is covered. " * 5, ""), ("the claim is denied. " * 5, "")]
    reader = fitted("byte-ngrams", train, [("the claim is covered. ", "")])
    (row,) = reader.answer([Case(9, "the claim is denied. ", "")], Chunk("n", "base", (9,), 1))
    strange = ByteNgrams([text for text, _ in train]).bits("größe")
    assert row["bits"] < 21  # less than a bit per byte
    assert min(strange) > 6 * len("größe")


@pytest.mark.parametrize("history", ["", "a", "ab", "abra", "abracad", "zzz"])
def test_the_probabilities_of_all_next_bytes_add_up_to_1(history: str) -> None:
    """Over the ASCII bytes, and over the bytes that no text of one more ASCII byte can show: these were never seen, and each
    has what the unseen ASCII bytes have."""
    model = ByteNgrams(["abracadabra", "abba"])
    before = model.bits(history) if history else [0.0] * LONGEST
    for n in range(LONGEST):
        next_bits = {byte: model.bits(history + chr(byte))[n] - before[n] for byte in range(1, 128)}
        shares = {byte: 2.0**-bits for byte, bits in next_bits.items()}
        assert math.fsum(shares.values()) + 129 * shares[ord("~")] == pytest.approx(1)


def test_witten_bell_by_hand() -> None:
    """After "a", seen 2 times with 2 different bytes behind it: b once, c once; of bytes alone 4 were seen, of 3 kinds."""
    b_alone = (1 + 3 / 256) / (4 + 3)
    bits = ByteNgrams(["abac"]).bits("ab")
    assert bits[0] == pytest.approx(-math.log2((2 + 3 / 256) / 7) - math.log2(b_alone))
    first = ((2 + 3 / 256) / 7 + 1) / 2  # "a" began the one text there is: 1 of 1, of 1 kind
    assert bits[1] == pytest.approx(-math.log2(first) - math.log2((1 + 2 * b_alone) / (2 + 2)))
