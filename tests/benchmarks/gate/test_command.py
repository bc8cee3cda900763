"""`versus gate`, `deltas` and `export-run` as a pipeline calls them: exit codes, files, and no service where none is needed."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app as commands

NOWHERE = "http://127.0.0.1:9"


def versus(*words: str) -> Result:
    return CliRunner().invoke(commands, list(words))


@pytest.fixture(scope="module")
def files(service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """run_1.json and run_2.json, as `versus export-run` writes them."""
    folder = tmp_path_factory.mktemp("runs")
    for run in ("run_1", "run_2"):
        written = versus("export-run", run, "--to", str(folder / f"{run}.json"), "--url", service)
        assert written.exit_code == 0, written.output
    return folder


@pytest.mark.parametrize(
    ("gates", "code"),
    [
        (["accuracy >= +0.05"], 0),
        (["accuracy >= 0.5", "accuracy >= -0.01 @95%", "invalid <= 0.2"], 0),
        (["accuracy >= +0.05", "accuracy <= 0.3"], 1),
        (["accuracy >= +0.05", "recall[fraud] >= 0.9"], 2),
        (["accuracy >= +0.05", "recall[frod] >= 0.9"], 3),
        (["accuracy >> 0.5"], 3),
    ],
)
def test_the_exit_code_is_the_outcome(files: Path, gates: list[str], code: int) -> None:
    asked = [word for gate in gates for word in ("--gate", gate)]
    told = versus(
        "gate",
        str(files / "run_2.json"),
        "--baseline",
        str(files / "run_1.json"),
        "--baseline-arm",
        "desk@1",
        *asked,
        "--url",
        NOWHERE,
    )
    assert told.exit_code == code, told.output


def test_a_run_is_named_by_id_by_file_or_by_what_bench_printed(service: str, files: Path) -> None:
    summary = files / "bench.json"
    summary.write_text(json.dumps({"id": "run_2", "status": "succeeded", "summary": {}}))
    for run in ("run_2", str(files / "run_2.json"), str(summary)):
        told = versus("gate", run, "--gate", "accuracy >= 0.5", "--json", "--url", service)
        assert (told.exit_code, json.loads(told.stdout)["run"]) == (0, "run_2")
    arm = versus("gate", "run_1", "--baseline", "general", "--gate", "accuracy >= -0.5", "--url", service)
    assert arm.exit_code == 0
    assert "against general of run run_1" in arm.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gate", "run_none", "--gate", "accuracy >= 0.5"], "no run 'run_none'"),
        (["gate", "run_going", "--gate", "accuracy >= 0.5"], "is running"),
        (["gate", "missing.json", "--gate", "accuracy >= 0.5"], "cannot be read"),
        (["gate", "run_2", "--baseline", "run_3", "--gate", "accuracy >= -0.01"], "asked different cases"),
        (
            ["gate", "run_1", "--baseline", "general", "--baseline-arm", "general", "--gate", "accuracy >= +0"],
            "leave --baseline-arm",
        ),
        (["gate", "run_2"], ""),
        (["gate", "run_2", "--gats", "accuracy >= 0.5"], ""),
    ],
)
def test_an_error_is_3_and_never_looks_like_an_outcome(service: str, words: list[str], told: str) -> None:
    failed = versus(*words, "--url", service)
    assert failed.exit_code == 3, failed.output
    assert told in failed.stderr


def test_a_wrong_setting_is_3_too(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSUS_PORT", "eighty")
    failed = versus("gate", str(files / "run_2.json"), "--gate", "accuracy >= 0.5")
    assert failed.exit_code == 3
    assert "Settings.port" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_gate_that_breaks_does_not_end_with_1(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.benchmarks.gate.check.check", broken)
    assert versus("gate", str(files / "run_2.json"), "--gate", "accuracy >= 0.5").exit_code == 3


def test_a_file_that_is_no_run_says_how_to_write_one(files: Path) -> None:
    for name, content in (("broken", "{"), ("other", '{"format": "versus-run/9", "answers": []}'), ("list", "[]")):
        path = files / f"{name}.json"
        path.write_text(content)
        failed = versus("gate", str(path), "--gate", "accuracy >= 0.5", "--json")
        assert failed.exit_code == 3
        assert "versus export-run" in json.loads(failed.stdout)["error"]


def test_junit_has_the_structure_that_ci_systems_read(files: Path, tmp_path: Path) -> None:
    gates = ("accuracy >= +0.05", "accuracy <= 0.3", "recall[fraud] >= 0.9", "precision[flood] >= 0.9 @99%")
    asked = [word for gate in gates for word in ("--gate", gate)]
    out, summary = tmp_path / "new" / "gate.xml", tmp_path / "gate.md"
    told = versus(
        "gate", str(files / "run_2.json"), "--baseline", str(files / "run_1.json"), "--baseline-arm", "desk@1", *asked,
        "--junit", str(out), "--summary", str(summary),
    )  # fmt: skip
    assert told.exit_code == 1
    root = ET.parse(out).getroot()
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    for element in (root, suite):
        assert (element.get("tests"), element.get("failures"), element.get("errors")) == ("4", "1", "2")
        assert float(element.get("time", "")) >= 0
    assert [case.get("name") for case in suite] == list(gates)
    assert {case.get("classname") for case in suite} == {"claims-desk.desk@2"}
    assert [[child.tag for child in case] for case in suite] == [["system-out"], ["failure"], ["error"], ["error"]]
    assert suite[1][0].get("type") == "regressed"
    assert suite[2][0].get("type") == "inconclusive"
    text = summary.read_text()
    assert text.startswith("### Gate: REGRESSED")
    assert len([line for line in text.splitlines() if line.startswith("|")]) == 2 + len(gates)
    assert not list(tmp_path.rglob("*.part"))


def test_files_of_an_error_are_there_and_red(files: Path, tmp_path: Path) -> None:
    out, summary = tmp_path / "gate.xml", tmp_path / "gate.md"
    written = ["--junit", str(out), "--summary", str(summary)]
    assert versus("gate", str(files / "run_2.json"), "--gate", "recall[a\x01<b>] >= 0.9", *written).exit_code == 3
    root = ET.parse(out).getroot()
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("1", "1", "0")
    assert summary.read_text().startswith("### Gate: error")
    assert versus("gate", str(files / "run_2.json"), "--gate", "accuracy >= 0.5", "--junit", "/dev/null/x").exit_code == 3
    before = (files / "run_1.json").read_bytes()
    kept = versus("export-run", str(files / "run_2.json"), "--to", str(files / "run_1.json"))
    assert (kept.exit_code, (files / "run_1.json").read_bytes()) == (2, before)
    assert "--force" in kept.stderr
    again = versus("export-run", str(files / "run_1.json"), "--to", str(files / "run_1.json"), "--force")
    assert (again.exit_code, (files / "run_1.json").read_bytes()) == (0, before)
    unwritten = versus("export-run", str(files / "run_2.json"), "--to", "/dev/null/x.json")
    assert (unwritten.exit_code, "cannot be written" in unwritten.stderr) == (2, True)


def test_deltas_show_counts_labels_and_cases(service: str, files: Path) -> None:
    told = versus("deltas", "run_2", "--baseline", "run_1", "--limit", "3", "--url", service)
    assert told.exit_code == 0, told.output
    assert "improved" in told.stdout
    assert "McNemar mid-p" in told.stdout
    offline = versus(
        "deltas", str(files / "run_2.json"), "--baseline", str(files / "run_1.json"), "--json", "--change", "regressed"
    )
    found = json.loads(offline.stdout)
    assert {one["change"] for one in found["cases"]} == {"regressed"}
    assert len(found["cases"]) == found["regressed"]
    for words, why in ((["--change", "gone"], "improved"), (["--label", "frod"], "fire, theft")):
        refused = versus("deltas", str(files / "run_2.json"), "--baseline", str(files / "run_1.json"), *words)
        assert refused.exit_code == 2
        assert why in refused.stderr


def test_an_export_of_an_export_needs_no_service(files: Path) -> None:
    printed = versus("export-run", str(files / "run_2.json"), "--format", "lm-eval", "--url", NOWHERE)
    assert printed.exit_code == 0
    assert len(printed.stdout.splitlines()) == 60
    assert versus("export-run", str(files / "run_2.json"), "--format", "csv").exit_code == 2
