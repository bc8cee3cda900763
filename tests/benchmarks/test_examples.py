"""Which examples a few-shot prompt shows: seeded, nested, and never the case itself."""

import pytest

from app.benchmarks.definition import Examples
from app.benchmarks.examples import at_random, choice_of, fixed, told
from app.benchmarks.runner import Case, pick_examples
from app.errors import InvalidRequest

LABELS = ("fire", "water")
THINGS = ("kettle", "boiler", "roof", "cellar", "garage", "kitchen", "attic", "porch")
TRAIN = [
    Case(number, f"the {thing} of house {number} was {'burned' if number % 2 else 'soaked'} last week", LABELS[1 - number % 2])
    for number, thing in enumerate(THINGS * 3)
]
NEW = Case(100, "a boiler was burned", "fire")


def chosen(choose: str, most: int = 6, seed: int = 0, **more: object) -> list[int]:
    settings = Examples.model_validate({"choose": choose, **more})
    return [one.id for one in choice_of(settings, TRAIN, LABELS, most=most, seed=seed).for_case(NEW)]


@pytest.mark.parametrize("choose", ["balanced", "random", "similar"])
def test_the_same_seed_chooses_the_same_and_fewer_are_the_first_of_more(choose: str) -> None:
    assert chosen(choose) == chosen(choose, 12)[:6]
    assert len(set(chosen(choose))) == 6


def test_balanced_and_random_follow_the_seed_and_a_tasks_own_seed_comes_first() -> None:
    assert chosen("balanced") == [case.id for case in pick_examples(TRAIN, LABELS, 6, 0)]
    for choose in ("balanced", "random"):
        assert chosen(choose, seed=1) != chosen(choose, seed=2)
        own = choice_of(Examples.model_validate({"choose": choose, "seed": 1}), TRAIN, LABELS, most=6, seed=5)
        assert chosen(choose, seed=1) == [one.id for one in own.for_case(NEW)]
    assert len(at_random(TRAIN, 100, 0)) == len(TRAIN)


def test_similar_shows_what_is_nearest_and_never_the_case_or_its_near_copy() -> None:
    similar = choice_of(Examples(choose="similar"), TRAIN, LABELS, most=3, seed=0)
    assert all("boiler" in one.text for one in similar.for_case(NEW))
    itself = TRAIN[4]
    assert itself not in similar.for_case(itself)
    copy = Case(101, itself.text.upper() + "!", "water")
    assert itself not in similar.for_case(copy)
    assert len(similar.for_case(copy)) == 3


def test_similar_asks_of_a_context_that_it_holds_the_longest_examples() -> None:
    similar = choice_of(Examples(choose="similar"), TRAIN, LABELS, most=3, seed=0)
    longest = sorted((len(one.text) + len(one.gold) for one in TRAIN), reverse=True)
    assert [len(one.text) + len(one.gold) for one in similar.longest(2)] == longest[:2]
    assert len(similar.longest(10)) == 3


def test_texts_without_words_are_like_nothing() -> None:
    with pytest.raises(InvalidRequest, match="No training text has a word"):
        choice_of(Examples(choose="similar"), [Case(0, "!!", "fire"), Case(1, "??", "water")], LABELS, most=1, seed=0)


def test_fixed_shows_the_rows_named_in_their_order() -> None:
    assert chosen("fixed", rows=[5, 2, 9]) == [5, 2, 9]
    assert chosen("fixed", most=2, rows=[5, 2, 9]) == [5, 2]
    with pytest.raises(InvalidRequest, match="Row 777 is no training row"):
        fixed(TRAIN, [1, 777])


def test_how_they_were_chosen_is_told() -> None:
    assert told({"seed": 3}) == "one per label in turn, seed 3"
    assert told({"seed": 3, "examples": {"choose": "random", "seed": 4}}) == "at random, seed 4"
    assert "TF-IDF" in told({"seed": 3, "examples": {"choose": "similar"}})
