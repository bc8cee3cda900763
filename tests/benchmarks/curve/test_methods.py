"""The table of methods is of real trainings: what they share is measured once, and the test chooses nothing."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from sklearn.metrics import f1_score

from app.benchmarks.curve.arms import Point
from app.benchmarks.curve.cache import Record
from app.benchmarks.curve.methods import METHODS, RIVALS, build_summary
from app.benchmarks.curve.methods_report import HEAD, cells, to_markdown, to_table, write
from app.benchmarks.curve.run import Curve, Doing
from app.benchmarks.curve.study import Study, with_own_split
from app.settings import Settings
from tests.benchmarks.curve.conftest import SPLITS, curve_of, rows, study

Known = dict[Point, Record]


def own_split() -> Study:
    return with_own_split(study(seeds=1), rows()["validation"])


@pytest.fixture(scope="module")
def measured(models_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Curve], list[Known], list[Doing]]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("methods"), models_dir=models_root)
    curves = [curve_of(settings, own_split(), method) for method in ("lora", "full")]
    seen: list[Doing] = []
    return curves, [asyncio.run(curve.run(seen.append)) for curve in curves], seen


def test_all_rows_of_train_teach_and_all_of_validation_choose() -> None:
    of = own_split()
    part = of.subset(of.sizes[-1], 0)
    assert of.sizes == (SPLITS["train"] + SPLITS["validation"],)
    assert [*part.train] == rows()["train"]
    assert [*part.held_out] == rows()["validation"]


def test_a_dataset_without_validation_holds_out_a_share_of_its_labels() -> None:
    of = with_own_split(study(seeds=1), ())
    part = of.subset(of.sizes[-1], 0)
    assert 0 < len(part.held_out) <= len(part.train) / 3


def test_every_method_and_rival_is_measured_once(measured: tuple[list[Curve], list[Known], list[Doing]]) -> None:
    curves, known, seen = measured
    begun = [doing.point.kind for doing in seen if doing.words == "begins"]
    assert sorted(begun) == sorted(["majority", "classical", "zero-shot", "few-shot", "custom", "custom"])
    summary = build_summary(curves, known)
    assert [row["arm"] for row in summary["rows"]] == ["majority", "classical", "zero-shot", "few-shot", "lora", "full"]
    assert summary["learned_from"] == SPLITS["train"]
    assert summary["chosen_on"] == SPLITS["validation"]
    assert json.loads(json.dumps(summary)) == summary


def test_numbers_are_of_the_answers(measured: tuple[list[Curve], list[Known], list[Doing]]) -> None:
    curves, known, _ = measured
    summary = build_summary(curves, known)
    place = {label: number for number, label in enumerate(curves[0].study.labels)}
    gold = [place[case.gold] for case in curves[0].study.test]
    for row, found in zip(summary["rows"][-2:], known, strict=True):
        [record] = [record for point, record in found.items() if point.kind == "custom"]
        right = sum(one == other for one, other in zip(gold, record.answers, strict=True))
        assert row["accuracy"]["estimate"] == pytest.approx(right / len(gold))
        names = [*place]
        said = [names[answer] for answer in record.answers]
        expected = f1_score([names[one] for one in gold], said, labels=names, average="macro", zero_division=0.0)
        assert row["macro_f1"]["estimate"] == pytest.approx(expected)


def with_answers(known: Known, answers: Callable[[list[int]], list[int]], validation: float) -> Known:
    """As if the custom model had answered so."""
    return {
        point: replace(record, answers=answers(record.answers), facts=record.facts | {"validation_macro_f1": validation})
        if point.kind == "custom"
        else record
        for point, record in known.items()
    }


def test_validation_chooses_the_method_even_where_the_test_would_choose_another(
    measured: tuple[list[Curve], list[Known], list[Doing]],
) -> None:
    curves, (lora, full), _ = measured
    place = {label: number for number, label in enumerate(curves[0].study.labels)}
    gold = [place[case.gold] for case in curves[0].study.test]
    perfect = with_answers(lora, lambda answers: gold, validation=0.2)
    wrong = with_answers(full, lambda answers: [(one + 1) % 3 for one in gold], validation=0.9)
    summary = build_summary(curves, [perfect, wrong])
    assert summary["best"] == "full"
    assert all("full), the best on validation, is worse than" in one for one in summary["sentences"][:1])
    assert len(summary["sentences"]) == len(RIVALS)

    summary = build_summary(curves, [with_answers(lora, lambda answers: gold, validation=0.95), wrong])
    assert summary["best"] == "lora"
    assert summary["best_minus"]["zero-shot"]["macro_f1"]["low"] > 0
    assert "is better than general zero-shot" in summary["sentences"][1]


def test_few_test_cases_are_no_evidence(models_root: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, models_dir=models_root)
    of = with_own_split(study(seeds=1, limit=20), rows()["validation"])
    curve = curve_of(settings, of, "full", epochs=1.0)
    summary = build_summary([curve], [asyncio.run(curve.run(lambda doing: None))])
    assert all("not enough evidence: 20 test cases" in sentence for sentence in summary["sentences"])
    assert any("stratified sample of 20 of 60" in note for note in summary["notes"])


def test_the_report_tells_every_number(measured: tuple[list[Curve], list[Known], list[Doing]], tmp_path: Path) -> None:
    from rich.console import Console

    curves, known, _ = measured
    summary = build_summary(curves, known)
    paths = write(summary, tmp_path / "out")
    assert [path.name for path in paths] == ["methods.md", "methods.json"]
    text = paths[0].read_text()
    assert text == to_markdown(summary)
    for row in summary["rows"]:
        assert len(cells(row)) == len(HEAD)
        assert f"| {' | '.join(cells(row))} |" in text
    console = Console(width=200, record=True, file=StringIO())
    console.print(to_table(summary))
    shown = console.export_text()
    assert all(row["name"] in shown for row in summary["rows"])
    assert json.loads(paths[1].read_text())["best"] in METHODS
