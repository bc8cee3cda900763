"""What one arm answered in a run, case by case: what every measure, verdict and report starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from app.benchmarks.scorers import Label
from app.errors import InvalidRequest

Kind = Literal["baseline", "general", "custom"]

_PARALLEL = (
    "latencies_ms",
    "probabilities",
    "label_mass",
    "tokens",
    "answer_tokens",
    "clusters",
    "sizes",
    "records",
)  # one entry per case, or none


@dataclass(frozen=True)
class ArmResult:
    """What one arm answered in a run, and what it took. `cases`, `gold` and `predicted` run in parallel, one entry per case.

    Consistency is keyed by case id, never by row number; it may cover fewer cases than the test. Empty means not measured.
    """

    arm: str
    kind: Kind
    cases: Sequence[int]
    gold: Sequence[str]
    predicted: Sequence[Label]  # None: the answer was none of the labels; it stays in and counts as wrong
    model: str | None = None
    version: int | None = None
    digest: str | None = None
    validation_accuracy: float | None = None  # needed when several arms share a kind: the best is chosen by it
    refitted: bool = False  # its weights have learned the validation rows: it has no accuracy there, and no part in choices
    latencies_ms: Sequence[float | None] = ()  # one per case, None where it was not timed; or empty
    reruns: Mapping[int, Sequence[Label]] = field(default_factory=dict)  # case -> answers of fresh sampled calls, same N each
    rewordings: Mapping[str, Mapping[int, Label]] = field(default_factory=dict)  # name of the rewording -> case -> answer
    probabilities: Sequence[Mapping[str, float] | None] = ()  # one per case (label -> share of 1), None where unknown; or empty
    label_mass: Sequence[float | None] = ()  # one per case: the sum of the labels' likelihoods; or empty
    scoring: Literal["sum", "mean", "calibrated"] | None = None  # how labels were compared; None: not by likelihood, or unknown
    label_tokens: Mapping[str, int] = field(default_factory=dict)  # label -> its tokens, the end of the answer included
    calibration_temperature: float | None = None  # what divided the log-likelihoods of the labels; None: nothing
    tokens: Sequence[int] = ()  # prompt and answer together, one per case, or empty
    answer_tokens: Sequence[int] = ()  # of the answer alone, one per case, or empty
    clusters: Sequence[str] = ()  # what cases belong together (a contract, a claim), one per case; or each case alone
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)  # column -> its value, one per case
    scores: Mapping[str, Sequence[float | None]] = field(
        default_factory=dict
    )  # metric -> one per case, of kinds without labels
    sizes: Sequence[float] = ()  # bytes of each text, by which its bits per byte are weighted
    records: Sequence[tuple[str, Mapping[str, Any] | None]] = ()  # extraction: right fields as JSON, and those of the answer
    cases_per_second: float | None = None
    parameters: int | None = None
    bytes: int | None = None
    failure: str | None = None  # why it stopped answering: shown with what it has, and left out of the verdict
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        n = len(self.cases)
        if n == 0:
            raise InvalidRequest(f"Arm {self.arm!r} has no case; run the task on at least one.")
        if len(set(self.cases)) != n:
            raise InvalidRequest(f"Arm {self.arm!r} has a case twice; keep one base answer per case.")
        parallel = (
            {name: getattr(self, name) for name in ("gold", "predicted", *_PARALLEL)} | dict(self.slices) | dict(self.scores)
        )
        for name, entries in parallel.items():
            if (length := len(entries)) != n and (length or name in ("gold", "predicted")):
                raise InvalidRequest(f"Arm {self.arm!r} has {n} cases but {length} {name}; give one per case.")
        if strangers := {case for answers in (self.reruns, *self.rewordings.values()) for case in answers} - set(self.cases):
            raise InvalidRequest(f"Arm {self.arm!r} has repeats of cases it never answered: {sorted(strangers)[:5]}.")

    @property
    def correct(self) -> list[bool]:
        return [right == answer for right, answer in zip(self.gold, self.predicted, strict=True)]


def aligned(arm: ArmResult, to: ArmResult) -> ArmResult:
    """`arm` with its cases in the order of `to`."""
    if different := set(arm.cases) ^ set(to.cases):
        raise InvalidRequest(
            f"{to.arm!r} and {arm.arm!r} answered different cases ({len(different)} only one of them has); compare arms on the "
            "same cases, for example by resuming the run that is not finished."
        )
    row = {case: index for index, case in enumerate(arm.cases)}
    found = part(arm, [row[case] for case in to.cases])
    if found.gold != list(to.gold):
        raise InvalidRequest(
            f"{to.arm!r} and {arm.arm!r} have different gold labels for the same case; run both on one dataset."
        )
    return found


def part(arm: ArmResult, rows: Sequence[int]) -> ArmResult:
    """`arm` with the cases in these rows alone, in this order."""

    def ordered(entries: Sequence[Any]) -> list[Any]:
        return [entries[row] for row in rows] if entries else []

    cases = ordered(arm.cases)
    kept = set(cases)
    columns: dict[str, Any] = {name: ordered(getattr(arm, name)) for name in (*_PARALLEL, "gold", "predicted")}
    return replace(
        arm,
        cases=cases,
        slices={column: ordered(values) for column, values in arm.slices.items()},
        scores={metric: ordered(values) for metric, values in arm.scores.items()},
        reruns={case: answers for case, answers in arm.reruns.items() if case in kept},
        rewordings={
            name: {case: answer for case, answer in answers.items() if case in kept} for name, answers in arm.rewordings.items()
        },
        **columns,
    )
