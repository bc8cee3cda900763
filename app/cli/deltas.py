"""`versus deltas`: which cases a run gained and lost against a baseline run."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from app.benchmarks.gate.deltas import ChangedCase, Deltas
    from app.benchmarks.gate.scored_deltas import ScoredCase, ScoredDeltas
    from app.benchmarks.gate.sides import Side


def deltas(
    run: Annotated[str, typer.Argument(help="A run's id, or a file of `versus export-run`.")],
    baseline: Annotated[str, typer.Option(help="A run, a file, or another arm of this run.")],
    arm: Annotated[str | None, typer.Option(help="By default the run's only custom arm.")] = None,
    baseline_arm: Annotated[str | None, typer.Option(help="By default the arm of the same name or model.")] = None,
    change: Annotated[str | None, typer.Option(help="Only cases that improved, regressed or flipped.")] = None,
    label: Annotated[str | None, typer.Option(help="Only cases of this gold label.")] = None,
    step: Annotated[
        float | None, typer.Option(min=0, help="Where cases get scores: a smaller change is none; 0.1 unless told.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many cases are shown.")] = 20,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the deltas as JSON, all cases, nothing else.")] = False,
) -> None:
    """Show what changed since a baseline: cases that improved, regressed, or are wrong in another way, and the paired test.

    Examples:

      versus deltas run_2 --baseline run_1

      versus deltas run_2 --arm desk@2 --baseline general --change regressed --limit 50

      versus deltas new.json --baseline old.json --json

      versus deltas run_3 --baseline general --step 0.2
    """
    from dataclasses import asdict

    from rich.console import Console

    from app.benchmarks.gate.deltas import CHANGES
    from app.benchmarks.gate.deltas import deltas as compare
    from app.benchmarks.gate.grammar import STEP
    from app.benchmarks.gate.scored_deltas import require_scores, scored_deltas
    from app.cli.progress import fail, print_table
    from app.errors import InvalidRequest, VersusError
    from app.settings import Settings

    try:
        if change not in (None, *CHANGES):
            raise InvalidRequest(f"{change!r} is no change; a case {', '.join(CHANGES)}.")
        this, other = asyncio.run(_sides(run, baseline, arm, baseline_arm, url or Settings().api))
        if (scale := this.file.scale) is not None:
            require_scores(change, label)
            scored = scored_deltas(this, other, scale, STEP if step is None else step)
            worth_showing = [one for one in scored.cases if change in (None, one.change)]
            _show_scored(scored, worth_showing, limit, as_json)
            return
        if step is not None:
            raise InvalidRequest("Labels are right or wrong; --step goes with runs whose cases get scores.")
        found, labels = compare(this, other), this.file.labels
        if label is not None and label not in labels:
            raise InvalidRequest(f"{label!r} is no label of the run; its labels are {', '.join(labels)}.")
    except VersusError as error:
        fail(error)
    cases = [one for one in found.cases if change in (None, one.change) and label in (None, one.gold)]
    if as_json:
        sys.stdout.write(json.dumps({**asdict(found), "cases": [asdict(one) for one in cases]}, indent=2) + "\n")
        return
    console = Console()
    print_table(_shown(found, cases, limit), console)


async def _sides(run: str, baseline: str, arm: str | None, baseline_arm: str | None, url: str) -> "tuple[Side, Side]":
    from app.benchmarks.gate.sides import side
    from app.cli.runs import load_baseline, load_run

    this = side(await load_run(run, url), arm)
    return this, await load_baseline(this, baseline, baseline_arm, url)


def _show_scored(found: "ScoredDeltas", cases: "list[ScoredCase]", limit: int, as_json: bool) -> None:
    from dataclasses import asdict

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from app.cli.progress import add_row, print_table

    if as_json:
        sys.stdout.write(json.dumps({**asdict(found), "cases": [asdict(one) for one in cases]}, indent=2) + "\n")
        return
    gap, console = found.difference, Console()
    name = found.metric.replace("_", " ")
    for line in (
        f"{found.arm} (run {found.run}) against {found.baseline_arm} (run {found.baseline_run}), n = {found.n:,} cases",
        f"{name}: {found.score.estimate:.3f} against {found.baseline_score.estimate:.3f}, a difference of {gap.estimate:+.3f} "
        f"[95 % interval {gap.low:+.3f} to {gap.high:+.3f}]; p {found.p_value:.3g} (signs turned at random).",
        f"By more than {found.step:g}: {found.improved:,} improved, {found.regressed:,} regressed; {found.same:,} as before.",
    ):
        console.print(Text(line))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("case", "change", "before", "now"):
        table.add_column(column, no_wrap=True)
    for column in ("right", "answer before", "answer now"):
        table.add_column(column, ratio=1, overflow="fold")
    for one in cases[:limit]:
        said = [" ".join((text or "-").split()) for text in (one.gold, one.before, one.now)]
        cut = [text if len(text) <= 160 else f"{text[:159]}…" for text in said]
        add_row(table, f"{one.case}", one.change, f"{one.score_before:.3f}", f"{one.score_now:.3f}", *cut)
    print_table(table, console)
    if len(cases) > limit:
        console.print(Text(f"{len(cases) - limit:,} more; --limit shows them, --json all."))


def _shown(found: "Deltas", cases: "list[ChangedCase]", limit: int) -> "RenderableType":
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from app.cli.progress import add_row

    difference = found.difference
    bounds = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    head = [
        f"{found.arm} (run {found.run}) against {found.baseline_arm} (run {found.baseline_run}), n = {found.n:,} cases",
        f"Right: {100 * found.accuracy.estimate:.1f} % against {100 * found.baseline_accuracy.estimate:.1f} %, a difference of "
        f"{100 * difference.estimate:+.1f} points [95 % interval {bounds}]; McNemar mid-p {found.p_value:.3g}.",
        f"{found.improved:,} improved, {found.regressed:,} regressed, {found.flipped:,} wrong in another way; "
        f"{found.same_right:,} right and {found.same_wrong:,} wrong as before.",
    ]
    labels = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("label", "n", "improved", "regressed", "flipped", "p (Holm)"):
        labels.add_column(name, justify="left" if name == "label" else "right")
    for one in found.by_label:
        add_row(labels, one.label, f"{one.n:,}", f"{one.improved}", f"{one.regressed}", f"{one.flipped}", f"{one.p_value:.3g}")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("case", "change", "gold", "before", "now"):
        table.add_column(name, no_wrap=name in ("case", "change"))
    table.add_column("text", ratio=1, overflow="fold")
    for case in cases[:limit]:
        text = " ".join(case.text.split())
        cut = text if len(text) <= 160 else f"{text[:159]}…"
        add_row(table, f"{case.case}", case.change, case.gold, case.before or "-", case.now or "-", cut)
    more = [Text(f"{len(cases) - limit:,} more; --limit shows them, --json all.")] if len(cases) > limit else []
    return Group(*map(Text, head), Text(), labels, Text(), table, *more)
