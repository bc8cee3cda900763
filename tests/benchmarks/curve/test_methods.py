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
from app.benchmarks.curve.methods import METHODS, RIVALS, Refit, build_summary, refit_of_best
from app.benchmarks.curve.methods_report import HEAD, cells, to_markdown, to_table, write
from app.benchmarks.curve.run import Curve, Doing
from app.benchmarks.curve.study import Study, with_own_split
from app.errors import Unprocessable
from app.settings import Settings
from app.training.errors import TrainingStopped
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


Measured = tuple[list[Curve], list[Known], list[Doing]]


def test_the_best_on_validation_is_trained_once_more_on_all_rows_and_is_what_is_compared(measured: Measured) -> None:
    """Stopped in the middle of that it goes on from there; the training before it, and all else, is not measured again."""
    curves, known, _ = measured
    told = [with_answers(known[0], list, validation=0.1), with_answers(known[1], list, validation=0.9)]
    again = refit_of_best(curves, told)
    assert again is not None
    point = Point("custom", again.study.sizes[-1], 0)
    assert set(again.points[-1][1:]) == {point}
    assert again.known().keys() == {one for one in known[1] if one.kind != "custom"}

    def stop_at_step_7(doing: Doing) -> None:
        if doing.words.startswith("refit 7/"):
            again.stop()

    with pytest.raises(TrainingStopped):
        asyncio.run(again.run(stop_at_step_7))
    again = refit_of_best(curves, told)
    assert again is not None
    seen: list[Doing] = []
    found = asyncio.run(again.run(seen.append))
    assert {doing.point for doing in seen} == {point}
    assert {doing.name for doing in seen} == {"custom (full, refit)"}
    words = [doing.words for doing in seen if "/" in doing.words]
    assert words[0].startswith("refit 8/")
    assert not any(one.startswith("train") for one in words)
    facts, before = found[point].facts, known[1][point].facts
    assert (facts["learned_from"], before["learned_from"]) == (SPLITS["train"] + SPLITS["validation"], SPLITS["train"])
    assert facts["best_epoch"] == before["best_epoch"]
    assert facts["best_epoch"] == pytest.approx(before["epochs"] * before["best_step"] / before["steps"], abs=1e-4)
    assert [curve.known() for curve in curves] == known  # their points are what they were

    summary = build_summary(curves, told, Refit(again, found))
    row = summary["rows"][-1]
    assert (row["arm"], row["name"]) == ("full-refit", "custom (full, refit)")
    assert (summary["chosen"], summary["best"]) == ("full", "full-refit")
    assert row["validation_macro_f1"] is None  # it has learned those rows
    assert row["training_seconds"] == pytest.approx(facts["seconds"] + before["seconds"])
    assert summary["best_minus"]["classical"] == row["minus_classical"]
    assert all(
        "custom (full, refit), the best on validation, then trained on all rows, is" in one for one in summary["sentences"]
    )
    assert "learns from all of them, custom (full, refit) too" in to_markdown(summary)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary

    plain = build_summary(curves, told)
    assert (plain["chosen"], plain["best"]) == ("full", "full")
    assert "learns from all of them, the custom models do not" in to_markdown(plain)


def test_records_of_before_the_best_epoch_was_told_still_tell_it(measured: Measured) -> None:
    curves, known, _ = measured
    old = {
        point: replace(record, facts={name: fact for name, fact in record.facts.items() if name != "best_epoch"})
        for point, record in known[1].items()
    }
    now, then = refit_of_best(curves[1:], known[1:]), refit_of_best(curves[1:], [old])
    assert now is not None
    assert then is not None
    assert then.known() == now.known()
    point = now.points[-1]
    assert then._identity(*then.points[-1]) == now._identity(*point)


def test_a_base_that_has_learned_the_rows_to_choose_on_is_refused(measured: Measured) -> None:
    curve = measured[0][1]
    made = curve.base.card.made.model_copy(update={"refitted_on": ("ds_7",)})
    learned = replace(curve.base, card=curve.base.card.model_copy(update={"made": made}))
    of = replace(curve.study, dataset_id="ds_7")
    with pytest.raises(Unprocessable, match="has learned the validation rows of ds_7"):
        Curve(of, method="full", base=learned, general=curve.general, settings=curve._settings)
    Curve(of, method="scratch", base=learned, general=curve.general, settings=curve._settings)  # takes nothing from it
