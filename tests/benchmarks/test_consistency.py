"""Agreement counts only real, repeated decisions; rewordings keep the meaning and are the same for every arm."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.benchmarks.consistency import REWORDINGS, flip_rate, tara, worst_wording_accuracy

NOTE = (
    "Insured hit a deer on Rte 9 at 06:45; front bumper gone, est. $3,250.50. Policy PX-77A1 began 2024-03-01. Total loss? No!"
)

# ---- Agreement


def test_tara_is_the_share_of_cases_with_one_answer_in_all_calls() -> None:
    interval = tara([["fire"] * 5, ["fire"] * 4 + ["theft"], ["theft"] * 5, ["fire", "theft"] * 2 + ["water"]])
    assert (interval.estimate, interval.n) == (0.5, 4)
    assert interval.low < 0.5 < interval.high


def test_one_answer_that_agrees_with_itself_is_not_consistency() -> None:
    with pytest.raises(ValueError, match="at least 2; got \\[1\\]"):
        tara([["fire"], ["theft"]])


def test_a_case_with_fewer_repeats_than_the_others_is_not_averaged_in() -> None:
    with pytest.raises(ValueError, match="same number of answers"):
        tara([["fire"] * 5, ["theft"] * 3])


def test_failing_alike_every_time_is_no_agreement() -> None:
    assert tara([[None] * 5, ["fire"] * 5]).estimate == 0.5


def test_flip_rate_counts_changed_and_lost_decisions() -> None:
    assert flip_rate(["fire", "fire", "theft", None], ["fire", "theft", None, None]).estimate == 0.75


def test_the_worst_wording_is_not_averaged_away() -> None:
    gold = ["fire", "theft", "theft"]
    name, accuracy = worst_wording_accuracy(gold, {"original": gold, "typos": ["fire", "fire", None], "case": gold})
    assert name == "typos"
    assert accuracy.estimate == pytest.approx(1 / 3)


# ---- Rewordings

texts = st.text(max_size=200) | st.lists(st.sampled_from(NOTE.split())).map(" ".join)


@pytest.mark.parametrize("name", REWORDINGS)
@given(text=texts, seed=st.integers(0, 10_000))
def test_a_rewording_depends_on_text_and_seed_only_and_touches_no_digit(name: str, text: str, seed: int) -> None:
    reworded = REWORDINGS[name](text, seed)
    assert reworded == REWORDINGS[name](text, seed)
    assert [c for c in reworded if c.isdecimal()] == [c for c in text if c.isdecimal()]


@pytest.mark.parametrize("name", REWORDINGS)
def test_a_rewording_changes_the_text_but_no_amount_date_time_or_number(name: str) -> None:
    for seed in range(20):
        reworded = REWORDINGS[name](NOTE, seed)
        assert reworded != NOTE
        for number in ("06:45", "$3,250.50", "2024-03-01", "9"):
            assert number in reworded
        assert "px-77a1" in reworded.lower()


def test_case_keeps_the_words_and_their_order() -> None:
    def words(text: str) -> list[str]:
        return re.findall(r"\w+", text.lower())

    for seed in range(20):
        assert words(REWORDINGS["case"](NOTE, seed)) == words(NOTE)


def test_a_text_in_capitals_already_gets_small_letters() -> None:
    assert all(REWORDINGS["case"]("EE STRAINED BACK", seed) == "ee strained back" for seed in range(10))


def test_typos_touch_about_six_percent_of_the_words_one_slip_each() -> None:
    text = "The employee strained his lower back while lifting heavy timber near the crusher this morning " * 10
    before, after = text.split(" "), REWORDINGS["typos"](text, 1).split(" ")
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == round(0.06 * 150)
    for a, b in changed:
        assert a[0] == b[0]
        assert len(b) == len(a) - 1 or sorted(a) == sorted(b)


def test_typos_differ_by_seed_and_need_a_long_enough_word() -> None:
    assert len({REWORDINGS["typos"](NOTE, seed) for seed in range(20)}) > 5
    assert REWORDINGS["typos"]("EE cut R hand 2x4 B12345", 0) != "EE cut R hand 2x4 B12345"
    assert REWORDINGS["typos"]("EE hit by car", 0) == "EE hit by car"


def test_framing_keeps_the_text_whole() -> None:
    assert all(NOTE in REWORDINGS["framing"](NOTE, seed) for seed in range(20))
