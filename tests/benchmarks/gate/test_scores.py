"""Gates and deltas on runs whose cases get scores: means, single fields, bits, and what such a run does not have."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.benchmarks.gate.check import Checked, check
from app.benchmarks.gate.grammar import parse
from app.benchmarks.gate.runfile import CaseOut, RunFile
from app.benchmarks.gate.scored_deltas import scored_deltas
from app.benchmarks.gate.sides import against, side
from app.benchmarks.scored.scales import SCALES
from app.benchmarks.statistics import wilson
from app.cli import app as commands
from app.errors import InvalidRequest
from tests.benchmarks.gate.runs import answer, make_run

N = 60
CLAIMS = [{"type": ("fire", "theft")[at % 2], "amount": 100 + at if at % 3 else None} for at in range(N)]
GOLDS = {
    "extraction": [json.dumps(one) for one in CLAIMS],
    "qa": ["the deductible"] * N,
    "summarisation": ["a pipe burst"] * N,
    "perplexity": [""] * N,
}


def run_of(kind: str, arms: Mapping[str, Sequence[str | float | None]], id: str = "run_1") -> RunFile:
    """Answers as texts, or as bits of a text of ten bytes."""
    made = make_run({name: [None] * N for name in arms}, id=id, labels=[], task={"definition": {"kind": kind}})
    cases = [
        CaseOut(id=100 + at, text=f"note {at:05d}", gold=gold, slices={"state": "Ohio" if at % 2 else "Iowa"})
        for at, gold in enumerate(GOLDS[kind])
    ]
    answers = [
        answer(arm, case, "base", None).model_copy(
            update={"text": said if isinstance(said, str) else None, "bits": said if isinstance(said, float) else None}
        )
        for arm, every in arms.items()
        for case, said in zip(cases, every, strict=True)
    ]
    summary = {"fields": ["type", "amount"] if kind == "extraction" else []}
    return made.model_copy(update={"cases": cases, "answers": answers, "run": made.run.model_copy(update={"summary": summary})})


def extraction(skill: float, seed: int) -> list[str | float | None]:
    """The type is right in that share of the cases, the amount always."""
    draws = random.Random(seed)
    return [json.dumps(one if draws.random() < skill else one | {"type": "flood"}) for one in CLAIMS]


def one(text: str, run: RunFile, baseline: RunFile | None = None) -> Checked:
    this = side(run, "desk")
    (checked,) = check([parse(text)], this, against(this, baseline, None) if baseline else None).gates
    json.dumps(asdict(checked), allow_nan=False)
    return checked


def test_single_fields_have_the_intervals_of_shares() -> None:
    run = run_of("extraction", {"desk": extraction(0.6, 1)})
    right = sum(json.loads(str(said))["type"] == claim["type"] for said, claim in zip(extraction(0.6, 1), CLAIMS, strict=True))
    expected = wilson(right, N)
    found = one("recall[type] >= 0.1", run)
    assert (found.outcome, found.estimate, found.low, found.high, found.n) == (
        "passed", expected.estimate, expected.low, expected.high, N,
    )  # fmt: skip
    amounts = one("precision[amount] >= 0.99", run)
    assert (amounts.estimate, amounts.n, amounts.outcome) == (1, 40, "inconclusive")  # forty right values prove no 99 %
    assert one("exact[amount] >= 0.8", run).n == N
    assert one("f1[type] >= 0.95", run).outcome == "regressed"


def test_a_mean_of_scores_is_held_to_a_level_and_to_a_baseline() -> None:
    good, weak = (
        run_of("extraction", {"desk": extraction(0.95, 1)}, "run_2"),
        run_of("extraction", {"desk": extraction(0.5, 2)}),
    )
    assert one("field_f1 >= 0.8", good).outcome == "passed"
    assert one("field_f1 >= +0.05", good, weak).outcome == "passed"
    assert one("field_f1 >= -0.01", weak, good).outcome == "regressed"
    assert one("recall[type] >= +0.05", good, weak).outcome == "passed"
    assert one("precision[type] >= +0", weak, good).outcome == "regressed"
    same = one("field_f1 >= -0.001", good, run_of("extraction", {"desk": extraction(0.95, 1)}))
    assert (same.estimate, same.outcome) == (0, "inconclusive")  # sixty equal answers prove no equality
    assert one("field_f1[state=Ohio] >= 0.5", good).n == N // 2
    assert one("invalid <= 0.1", good).outcome == "passed"


def test_of_bits_less_passes_and_a_text_that_one_arm_cannot_read_counts_for_none() -> None:
    desk: list[str | float | None] = [20.0 + at % 3 for at in range(N)]
    general: list[str | float | None] = [None, *(30.0 + at % 3 for at in range(N - 1))]
    run = run_of("perplexity", {"desk": desk, "general": general})
    below = one("bits_per_byte <= 2.5", run)
    assert (below.outcome, below.n, below.unit) == ("passed", N - 1, "bits")
    this = side(run, "desk")
    (gap,) = check([parse("bits_per_byte <= -0.5")], this, against(this, run, "general")).gates
    assert gap.outcome == "passed"
    found = scored_deltas(this, against(this, run, "general"), SCALES["perplexity"])
    assert (found.improved, found.regressed, found.n) == (N - 1, 0, N - 1)


@pytest.mark.parametrize(
    ("kind", "gate", "told"),
    [
        ("extraction", "accuracy >= 0.5", "there are field_f1, fields_exact, exact, precision, recall"),
        ("extraction", "recall[amont] >= 0.5", "there are type, amount"),
        ("extraction", "field_f1[state=Utah] >= 0.5", "state: Iowa, Ohio"),
        ("extraction", "field_f1 >= -0.5", "compares with a baseline"),
        ("qa", "rouge_l >= 0.5", "a run of the kind qa has no rouge_l; there are token_f1"),
        ("qa", "recall[type] >= 0.5", "has no recall"),
        ("summarisation", "always_wrong <= 0", "has no always_wrong"),
    ],
)
def test_what_a_run_does_not_have_is_named_with_what_it_has(kind: str, gate: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        one(gate, run_of(kind, {"desk": ["the deductible"] * N}))


def test_labels_have_no_scores() -> None:
    run = make_run({"desk": ["fire"] * N})
    with pytest.raises(InvalidRequest, match="answers are labels here"):
        one("token_f1 >= 0.5", run)


def test_deltas_tell_the_cases_beyond_the_step_the_largest_loss_first() -> None:
    now: list[str | float | None] = ["the deductible", "a", "the deductible of it", *["the deductible"] * (N - 3)]
    before: list[str | float | None] = ["a", "the deductible", *["the deductible"] * (N - 2)]
    this = side(run_of("qa", {"desk": now}, "run_2"), "desk")
    other = against(this, run_of("qa", {"desk": before}), None)
    found = scored_deltas(this, other, SCALES["qa"], 0.6)
    assert [(one.case, one.change) for one in found.cases] == [(101, "regressed"), (100, "improved")]
    assert (found.same, found.n) == (N - 2, N)
    finer = scored_deltas(this, other, SCALES["qa"], 0.1)
    assert [one.case for one in finer.cases] == [101, 102, 100]
    assert (finer.cases[1].score_before, finer.cases[1].now) == (1, "the deductible of it")
    assert one("regressed <= 1", this.file, other.file).outcome == "regressed"
    assert one("regressed <= 2", this.file, other.file).outcome == "passed"


@pytest.mark.parametrize(
    ("gate", "code"),
    [("field_f1 >= +0.05", 0), ("field_f1 <= +0.05", 1), ("f1[type] >= 0.93", 2), ("rouge_l >= 0.5", 3)],
)
def test_the_exit_code_is_the_outcome(tmp_path: Path, gate: str, code: int) -> None:
    for name, run in (
        ("new", run_of("extraction", {"desk": extraction(0.95, 1)}, "run_2")),
        ("old", run_of("extraction", {"desk": extraction(0.5, 2)})),
    ):
        (tmp_path / name).write_text(run.model_dump_json())
    words = ["gate", str(tmp_path / "new"), "--baseline", str(tmp_path / "old"), "--gate", gate, "--url", "http://127.0.0.1:9"]
    junit, summary = tmp_path / "gate.xml", tmp_path / "gate.md"
    told = CliRunner().invoke(commands, [*words, "--junit", str(junit), "--summary", str(summary)])
    assert told.exit_code == code, told.output
    assert 'tests="1"' in junit.read_text()
    assert summary.read_text().startswith("### Gate")
    refused = CliRunner().invoke(
        commands, ["deltas", str(tmp_path / "new"), "--baseline", str(tmp_path / "old"), "--label", "x"]
    )
    assert (refused.exit_code, "no labels" in refused.stderr) == (2, True)
