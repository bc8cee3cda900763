"""Agreement is a share of pairs; answers part at the first word that is not the same in all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.comparisons.agreement import agreement, first_divergence

A, B = ["the", "claim", "is", "covered"], ["the", "claim", "was", "covered"]


@pytest.mark.parametrize(
    ("answers", "share"),
    [
        ([A, A], 1.0),
        ([A, B], 0.0),
        ([A, A, B], 1 / 3),
        ([A, None, A], 1.0),  # what failed is not compared
        ([[], []], 1.0),
        ([A, None], None),
        ([None, None], None),
    ],
)
def test_agreement_is_the_share_of_pairs_with_the_same_words(answers: list[list[str] | None], share: float | None) -> None:
    assert agreement(answers) == share


@pytest.mark.parametrize(
    ("answers", "place"),
    [
        ([A, A], None),
        ([A, B], (2, ["is", "was"])),
        ([A, A[:2]], (2, ["is", None])),
        ([A, None, B], (2, ["is", None, "was"])),
        ([[], A], (0, [None, "the"])),
        ([A, None], None),
        ([None, None], None),
    ],
)
def test_answers_part_at_the_first_word_that_differs(
    answers: list[list[str] | None], place: tuple[int, list[str | None]] | None
) -> None:
    assert first_divergence(answers) == place


words = st.lists(st.sampled_from("ab"), max_size=3)


@given(st.lists(words | st.none(), max_size=4))
def test_all_agree_exactly_when_they_nowhere_part(answers: list[list[str] | None]) -> None:
    assert (agreement(answers) in (1.0, None)) == (first_divergence(answers) is None)
