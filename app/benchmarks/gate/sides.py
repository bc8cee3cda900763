"""Which two arms are compared, and whether they may be: the same rows, labels and cases, or else a refusal that tells why."""

from dataclasses import dataclass

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.gate.runfile import RunFile
from app.errors import InvalidRequest


@dataclass(frozen=True)
class Side:
    """One arm of one run."""

    file: RunFile
    result: ArmResult

    @property
    def name(self) -> str:
        return f"{self.result.arm} of run {self.file.run.id}"


def side(file: RunFile, arm: str | None) -> Side:
    """The arm of that name; without one the run's only custom arm, or its only model.

    Raises NotFound for an unknown arm, InvalidRequest when it is not clear which is meant.
    """
    if arm is not None:
        return Side(file, file.result(arm))
    for kinds in ({"custom"}, {"custom", "general"}):
        candidates = [name for name, one in file.arms.items() if one.kind in kinds]
        if len(candidates) == 1:
            return Side(file, file.result(candidates[0]))
        if candidates:
            break
    raise InvalidRequest(f"Run {file.run.id} has several arms; name one with --arm: {', '.join(file.arms)}.", param="arm")


def against(this: Side, other: RunFile, arm: str | None) -> Side:
    """The baseline for `this`, its cases in the same order.

    Without `arm` the arm of the same name, or of the same model in another version. Raises InvalidRequest when the runs
    cannot be compared, and says what differs.
    """
    _comparable(this.file, other)
    result = other.result(arm or _counterpart(this, other))
    if other is this.file and result.arm == this.result.arm:
        raise InvalidRequest(f"{result.arm!r} would be compared with itself; name another arm or run as the baseline.")
    return Side(other, aligned(result, this.result))


def _counterpart(this: Side, other: RunFile) -> str:
    if this.result.arm in other.arms:
        return this.result.arm
    model = this.result.arm.partition("@")[0]
    same = [name for name in other.arms if name.partition("@")[0] == model]
    if len(same) == 1:
        return same[0]
    raise InvalidRequest(
        f"Run {other.run.id} has no arm {this.result.arm!r}; name the one to compare with by --baseline-arm: "
        f"{', '.join(other.arms)}.",
        param="baseline_arm",
    )


def _comparable(this: RunFile, other: RunFile) -> None:
    one, two = f"Run {this.run.id}", f"run {other.run.id}"
    if this.run.task != other.run.task:
        raise InvalidRequest(f"{one} is of the task {this.run.task!r}, {two} of {other.run.task!r}; compare runs of one task.")
    if this.dataset.sha256 != other.dataset.sha256:
        raise InvalidRequest(
            f"{one} is over {this.dataset.name} version {this.dataset.version}, {two} over {other.dataset.name} version "
            f"{other.dataset.version}, which holds other rows; repeat one of them on the other's data."
        )
    if set(this.labels) != set(other.labels):
        different = sorted(set(this.labels) ^ set(other.labels))
        raise InvalidRequest(f"{one} and {two} have different labels; only one has {', '.join(different[:5])}.")
    if (this.scale, this.fields) != (other.scale, other.fields):
        raise InvalidRequest(f"{one} and {two} score other things; repeat one of them with the task as it is now.")
    mine, others = {case.id for case in this.cases}, {case.id for case in other.cases}
    if mine != others:
        raise InvalidRequest(
            f"{one} and {two} asked different cases: {len(mine - others):,} only the first, {len(others - mine):,} only the "
            f"second ({_sampling(this)} against {_sampling(other)}). Repeat one with the other's --limit and --seed."
        )


def _sampling(file: RunFile) -> str:
    limit = file.run.config["limit"]
    return f"{'all' if limit is None else f'limit {limit:,}'}, seed {file.run.config['seed']}"
