"""Pictures: valid Vega-Lite, names that stay names, and what counts as the frontier."""

from typing import Any

import altair
import pytest

from app.benchmarks.report import drawing
from app.benchmarks.report.charts import difference, frontier, pareto
from app.benchmarks.report.curves import learning_curve
from app.benchmarks.report.page import figures
from tests.benchmarks.report.runs import arms, make_facts, make_summary

EVIL = ('"]+alert(1)+["', "<script>alert(1)</script>", "datum['x']", "a\n| b", "[bold]")


def drawn(figure: drawing.Figure | None) -> drawing.Figure:
    assert figure is not None
    return figure


def test_every_picture_is_valid_vega_lite(monkeypatch: pytest.MonkeyPatch) -> None:
    specs: list[dict[str, Any]] = []
    monkeypatch.setattr(drawing, "svg", lambda spec, alt: specs.append({**spec, "config": drawing.THEME}) or "")
    figures(make_summary(), make_facts())
    assert len(specs) == 12
    for spec in specs:
        altair.Chart.from_dict(spec)  # raises SchemaValidationError


def test_names_are_data_and_never_run() -> None:
    found = arms(60, EVIL)
    pictures = figures(make_summary(found, EVIL), make_facts())
    for one in (figure for part in pictures.values() for figure in part):
        assert "<script" not in one.svg
    confusion = next(one for one in pictures["trust"] if one.title.startswith("Confusion"))
    assert "alert(1)" in confusion.svg, "the label is there, as text"


def test_the_frontier_holds_what_no_other_arm_beats() -> None:
    # cheap and bad, dear and good, dear and bad, as dear and as good as the second
    assert pareto([(1, 0.5), (9, 0.9), (9, 0.6), (9, 0.9)]) == {0, 1, 3}
    assert pareto([(1, 0.9), (2, 0.8)]) == {0}


def test_money_is_the_cost_where_it_was_measured() -> None:
    summary = make_summary()
    assert "median latency" in drawn(frontier(summary)).alt
    for at, row in enumerate(summary["rows"]):
        row["cost_per_1000"] = {"estimate": 0.1 * at, "low": 0.0, "high": 1.0, "n": 300}
    assert "money per 1,000 cases" in drawn(frontier(summary)).alt


def test_the_margin_is_drawn_as_wide_as_it_is() -> None:
    summary = make_summary(margin_points=2.5)
    picture = drawn(difference(summary))
    assert "within 2.5 points" in picture.about
    pair = summary["verdict"]["pair"]
    assert f"accuracy {100 * pair['difference']['estimate']:+.1f}" in picture.alt


def test_a_learning_curve_is_drawn_in_the_ink_of_the_page() -> None:
    measured = {"estimate": 0.7, "low": 0.6, "high": 0.8, "n": 100}
    kinds = ("custom", "few-shot", "zero-shot", "classical", "majority")
    curve = {
        "dataset": "claims@1",
        "labels": ["a", "b"],
        "test_cases": 100,
        "sizes": [10, 100],
        "seeds": 1,
        "method": "full",
        "base": {"id": "general@1"},
        "general": {"id": "general@1"},
        "arms": {kind: kind for kind in kinds},
        "points": [
            {"labels": size, "arms": {kind: {"accuracy": measured, "macro_f1": measured} for kind in kinds}}
            for size in (10, 100)
        ],
        "crossings": [
            {
                "metric": "accuracy",
                "against": "general",
                "from_labels": 100,
                "sentence": "Custom beats general from 100 labels.",
            }
        ],
    }
    picture = learning_curve(curve)
    assert picture.alt == "Custom beats general from 100 labels."
    assert 'fill="currentColor"' in picture.svg
    assert 'fill="white"' not in picture.svg
