"""Accuracy on the parts of a test, by column of the data, and on which parts two arms differ beyond chance."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.benchmarks.resampling import Interval
from app.benchmarks.statistics import holm, paired_accuracy, proportion

SHOWN = 50  # values of one column, those with most cases; a column of names or dates has thousands


@dataclass(frozen=True)
class SlicePair:
    """The accuracy of `first` minus that of `second` on the slice. `p_value` is adjusted over all slices (Holm)."""

    first: str
    second: str
    difference: Interval
    p_value: float


@dataclass(frozen=True)
class SliceScore:
    """The cases whose `column` is `value`. `accuracy` by arm; `pair` where two arms are compared."""

    column: str
    value: str
    n: int
    accuracy: Mapping[str, Interval]
    pair: SlicePair | None = None


def slice_scores(
    slices: Mapping[str, Sequence[str]],
    correct: Mapping[str, Sequence[bool]],
    *,
    pair: tuple[str, str] | None = None,
    clusters: Sequence[Hashable] | None = None,
) -> list[SliceScore]:
    """`slices`: column -> its value, one per case; `correct`: arm -> right or not, in the same order. At most SHOWN values of
    each column, the most frequent first. `pair` names two arms of `correct` to compare on each slice."""
    found = [_score(column, value, places, correct, pair, clusters) for column, value, places in parts(slices)]
    adjusted = iter(holm([one.pair.p_value for one in found if one.pair]))
    return [replace(one, pair=replace(one.pair, p_value=next(adjusted))) if one.pair else one for one in found]


def parts(slices: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, list[int]]]:
    """(column, value, places of its cases) of the SHOWN most frequent values of each column, the most frequent first."""
    for column, values in slices.items():
        at: dict[str, list[int]] = {}
        for place, value in enumerate(values):
            at.setdefault(value, []).append(place)
        for value, places in sorted(at.items(), key=lambda one: (-len(one[1]), one[0]))[:SHOWN]:
            yield column, value, places


def _score(
    column: str,
    value: str,
    places: Sequence[int],
    correct: Mapping[str, Sequence[bool]],
    pair: tuple[str, str] | None,
    clusters: Sequence[Hashable] | None,
) -> SliceScore:
    here = {arm: [right[place] for place in places] for arm, right in correct.items()}
    inside = None if clusters is None else [clusters[place] for place in places]
    accuracy = {arm: proportion(right, inside) for arm, right in here.items()}
    compared = SlicePair(*pair, *paired_accuracy(here[pair[0]], here[pair[1]], inside)) if pair else None
    return SliceScore(column, value, len(places), accuracy, compared)
