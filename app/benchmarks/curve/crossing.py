"""From how many labels on custom wins: the rule, and its answer in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.benchmarks.curve.arms import Kind
from app.benchmarks.curve.uncertainty import Measured, Meeting, meeting

# What custom has to beat: each of them, so that nothing has to be chosen between them.
RIVALS: Mapping[str, tuple[Kind, ...]] = {"general": ("zero-shot", "few-shot"), "baseline": ("classical", "majority")}

LEAST_CASES = 50  # of the test; a difference of fewer says too little to name a number of labels

RULE = (
    "Custom wins from the fewest labels from which on, at that and every larger size measured, the 95 % interval of its "
    "paired difference to each rival lies above 0. As the largest size must pass, chance alone names a number at most once in "
    "40 times."
)


def crossing(
    metric: str,
    against: str,
    sizes: Sequence[int],
    differences: Mapping[tuple[Kind, int], Measured],
    names: Mapping[Kind, str],
    cases: int,
) -> dict[str, Any]:
    """`differences`: custom minus a rival by (rival, size). `from_labels` is None where custom wins at no size for good."""
    rivals = RIVALS[against]
    found: int | None = None
    for size in reversed(sizes):
        if not all(differences[rival, size].interval(-1.0).low > 0 for rival in rivals):
            break
        found = size
    meets = meeting(sizes, [[differences[rival, size] for rival in rivals] for size in sizes])
    if cases < LEAST_CASES:
        state, found = "not enough evidence", None
    else:
        state = "custom wins" if found else "not within the sizes measured"
    strongest = min(rivals, key=lambda rival: differences[rival, sizes[-1]].estimate)
    last = differences[strongest, sizes[-1]].interval(-1.0)
    rival = names[strongest]
    scale = "accuracy" if metric == "accuracy" else "macro-F1"
    ahead = f"{100 * last.estimate:+.1f} points [95 % interval {100 * last.low:+.1f} to {100 * last.high:+.1f}]"
    at_most = f"At {sizes[-1]:,} labels, the most measured, custom minus {rival} is {ahead}"
    if state == "not enough evidence":
        words = f"not enough evidence: {cases} test cases, and at least {LEAST_CASES} are needed to name a number of labels."
    elif found:
        fewest = ", the fewest measured" if found == sizes[0] else ""
        words = f"custom wins from about {found:,} labels on{fewest}. {_where(meets, sizes)} {at_most}."
    else:
        why = f"{rival} is ahead there" if last.high < 0 else "no clear difference there" if last.low <= 0 else ""
        words = f"custom does not win for good within the sizes measured. {at_most}{': ' if why else ''}{why}."
    return {
        "metric": metric,
        "against": against,
        "rivals": list(rivals),
        "state": state,
        "from_labels": found,
        "meets": vars(meets),
        "sentence": f"By {scale}, against the {'better general' if against == 'general' else 'better baseline'}: {words}",
    }


def _where(meets: Meeting, sizes: Sequence[int]) -> str:
    def number(labels: float | None) -> str:
        if labels is None:
            return f"more than {sizes[-1]:,}"
        return f"below {sizes[0]:,}" if labels < sizes[0] else f"{labels:,.0f}"

    if meets.estimate is not None and meets.estimate < sizes[0]:
        within = meets.high is not None and meets.high < sizes[0]
        interval = "" if within else f" [95 % interval up to {number(meets.high)}]"
        return f"The curves meet below {sizes[0]:,} labels{interval}."
    between = f"{number(meets.low)} to {number(meets.high)}"
    return f"The curves meet at about {number(meets.estimate)} labels [95 % interval {between}]."
