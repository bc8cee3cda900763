"""The picture, the Markdown and the table: all numbers, legible, safe, and nothing loaded from elsewhere."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.benchmarks.curve.arms import Point, encode
from app.benchmarks.curve.cache import Record
from app.benchmarks.curve.figure import STYLES, chart, figure
from app.benchmarks.curve.report import to_markdown, to_table, write
from app.benchmarks.curve.run import Curve
from app.benchmarks.curve.summary import build_summary
from app.benchmarks.curve.written import prepare
from app.errors import SetupError
from tests.benchmarks.curve.conftest import study

SHARES = {"majority": 0.5, "classical": 0.55, "zero-shot": 0.3, "few-shot": 0.4, "custom": 0.5}  # right at the least labels


@pytest.fixture
def summary(make_curve: Callable[..., Curve]) -> dict[str, Any]:
    """Of answers that are made up: custom learns, the others hardly do."""
    of = study(sizes="10,20,40,all", seeds=3)
    curve = make_curve(of)
    gold = [case.gold for case in of.test]
    facts = {
        "epochs": 2.0,
        "epochs_asked": 4.0,
        "chosen_on": 5,
        "rows_left_out": 0,
        "shots": 4,
        "seconds": 30.0,
        "scoring": "sum",
    }
    known = {}
    for _, point in curve.points:
        share = SHARES[point.kind] + (0.12 * of.sizes.index(point.size) if point.kind == "custom" else 0)
        right = round(share * len(gold)) - point.seed
        said = [label if place < right else None for place, label in enumerate(gold)]
        known[point] = Record(encode(said, of.labels), 1.0, facts)
    assert all(isinstance(point, Point) for point in known)
    return build_summary(curve, known)


def test_the_picture_is_one_svg_that_loads_nothing_and_names_every_arm(summary: dict[str, Any]) -> None:
    svg = figure(summary)
    assert svg.startswith("<svg")
    assert set(re.findall(r'https?://[^"\s]+', svg)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in svg
    assert "<image" not in svg
    for name in summary["arms"].values():
        assert f">{name}<" in svg
    for size in ("10", "20", "40", "80"):
        assert f">{size}<" in svg
    assert ">How much data is enough? claims@1<" in svg
    named = [found for found in summary["crossings"] if found["from_labels"]]
    assert named
    for found in named:
        assert f">beats {found['against']} from {found['from_labels']}<" in svg


def test_arms_differ_in_colour_dash_and_mark() -> None:
    for part in zip(*STYLES.values(), strict=True):
        assert len({str(one) for one in part}) == len(STYLES)


def test_the_axis_is_logarithmic_and_bands_hold_the_lines(summary: dict[str, Any]) -> None:
    drawn = json.dumps(chart(summary))
    assert '"type": "log"' in drawn
    for point in summary["points"]:
        for arm in point["arms"].values():
            for metric in ("accuracy", "macro_f1"):
                assert arm[metric]["low"] <= arm[metric]["estimate"] <= arm[metric]["high"]


@pytest.mark.parametrize("sizes", [1, 2])
def test_one_size_and_a_name_with_markup_are_drawn_too(summary: dict[str, Any], sizes: int) -> None:
    few = copy.deepcopy(summary)
    few["sizes"], few["points"] = few["sizes"][:sizes], few["points"][:sizes]
    few["dataset"] = "<script>alert(1)</script>&\"'"
    few["arms"]["zero-shot"] = "<b>model</b> zero-shot"
    svg = figure(few)
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg


def test_the_markdown_has_every_number_and_how_it_was_measured(summary: dict[str, Any]) -> None:
    text = to_markdown(summary)
    custom = summary["points"][0]["arms"]["custom"]["accuracy"]
    assert f"{custom['estimate']:.3f}".removeprefix("0") in text
    assert "Standard deviation between seeds" in text
    assert "Custom minus each other, paired, in points" in text
    assert all(found["sentence"] in text for found in summary["crossings"])
    assert "over 3 seeds" in text
    assert "The minutes ended trainings early at 10 labels (50% of the epochs)" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith(("| labels", "| 10", "| ---"))}
    assert widths <= {6, 7}


def test_markdown_of_one_seed_shows_no_spread_and_says_why(summary: dict[str, Any]) -> None:
    one = copy.deepcopy(summary)
    one["seeds"] = 1
    assert "Standard deviation between seeds" not in to_markdown(one)
    assert "over test cases (Wilson, Tango, bootstrap with 2,000 resamples) only, as there is one seed." in to_markdown(one)


def test_the_table_fits_a_terminal(summary: dict[str, Any]) -> None:
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(to_table(summary))
    console.file.close()
    text = console.export_text()
    assert "custom (full)" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 110


def test_files_appear_whole_and_a_folder_that_cannot_be_written_is_told_before(summary: dict[str, Any], tmp_path: Path) -> None:
    paths = write(summary, tmp_path / "a" / "b")
    assert [path.name for path in paths] == ["curve.svg", "curve.md", "curve.json"]
    assert json.loads(paths[2].read_text()) == json.loads(json.dumps(summary))
    assert {path.name for path in paths[0].parent.iterdir()} == {path.name for path in paths}
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="--out"):
        prepare(tmp_path / "file" / "inside")
