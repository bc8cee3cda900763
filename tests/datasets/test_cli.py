"""`versus data`: add, list and show on the database itself, no service needed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.data import app

DAYS = "story,kind,day\n" + "\n".join(f"claim {i} of the desk,{'ab'[i % 2]},2026-01-{i + 1:02}" for i in range(28))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    (tmp_path / "desk.csv").write_text(DAYS)
    return str(tmp_path / "desk.csv")


def call(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


def test_a_file_is_added_listed_and_shown(file: str) -> None:
    code, out, _ = call(
        "add", file, "--text", "story", "--label", "kind", "--split-by", "day", "--name", "claims-desk", "--json"
    )
    added = json.loads(out)
    assert (code, added["name"], added["split"]["strategy"]) == (0, "claims-desk", "time")
    assert added["sizes"] == {"train": 20, "validation": 2, "test": 6}
    code, out, _ = call("add", file, "--text", "story", "--label", "kind", "--split-by", "day", "--name", "claims-desk")
    assert code == 0
    assert f"claims-desk version 1 ({added['id']}): 28 rows of desk.csv" in out
    assert "- Split by time on 'day': train 2026-01-01 to 2026-01-20" in out
    code, out, _ = call("list", "--json")
    assert (code, json.loads(out)) == (0, [added])
    assert added["id"] in call("list")[1]
    assert json.loads(call("show", "claims-desk", "--json")[1]) == added


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "knd"], "no column 'knd'. Did you mean 'kind'?"),
        (["--top", "1"], "--top: Input should be greater than or equal to 2"),
        (["--split", "alphabet"], "--split: Input should be 'random', 'time', 'group' or 'given'"),
        (["--split-by", "dya"], "no column 'dya'"),
    ],
)
def test_what_is_wrong_is_said_and_ends_with_2(file: str, arguments: list[str], message: str) -> None:
    code, out, err = call("add", file, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_file_over_the_limit_and_a_name_that_is_not_there_end_with_2(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("add", file + "x")[0] == 2
    code, _, err = call("show", "nothing")
    assert (code, "There is no dataset 'nothing'" in err) == (2, True)
    monkeypatch.setenv("VERSUS_MAX_UPLOAD_BYTES", "100")
    code, _, err = call("add", file)
    assert (code, "larger than 100 bytes" in err) == (2, True)


def test_a_dry_run_shows_columns_report_and_rows_and_stores_nothing(file: str) -> None:
    code, out, err = call("add", file, "--split-by", "day", "--dry-run")
    assert (code, err) == (0, "")
    assert "desk.csv (nothing is stored)" in out
    assert "text (confidence 0.9" in out or "text (confidence 1.00)" in out
    assert "train 2026-01-01 to 2026-01-20" in out
    assert "claim 0 of the desk" in out
    assert json.loads(call("list", "--json")[1]) == []
    preview = json.loads(call("add", file, "--split-by", "day", "--dry-run", "--json")[1])
    assert preview["dataset"]["sizes"] == {"train": 20, "validation": 2, "test": 6}


def test_a_guess_that_is_not_sure_is_refused_where_nobody_can_be_asked(file: str) -> None:
    rows = [f"claim {i} of the desk,{'ab'[i % 2]},{'xy'[i // 2 % 2]}" for i in range(60)]
    Path(file).write_text("\n".join(["story,first,second", *rows]))
    for arguments in ((), ("--dry-run",), ("--json",)):
        code, _, err = call("add", file, *arguments)
        assert (code, "It is not clear which column of desk.csv is the label" in err) == (2, True)
    assert json.loads(call("list", "--json")[1]) == []
    assert call("add", file, "--label", "second")[0] == 0


def test_the_first_rows_and_a_fields_report_are_shown(file: str) -> None:
    rows = [json.dumps({"text": f"[bold]Ann[/bold] came on day {i}", "fields": {"who": "Ann"}}) for i in range(30)]
    lines = Path(file).with_suffix(".jsonl")
    lines.write_text("\n".join(rows))
    assert call("add", str(lines), "--fields", "fields", "--name", "visits")[0] == 0
    code, out, _ = call("show", "visits", "--rows", "2")
    assert code == 0
    assert "field 'who': filled in 30 rows, word for word in the text of 30" in out
    assert "[bold]Ann[/bold] came on day 0" in out  # a text is no markup
    assert '{"who": "Ann"}' in out
    assert len(json.loads(call("show", "visits", "--rows", "2", "--json")[1])["data"]) == 2


def test_an_export_is_whole_or_not_there(file: str, tmp_path: Path) -> None:
    assert call("add", file, "--name", "desk")[0] == 0
    out = tmp_path / "out.csv"
    code, told, _ = call("export", "desk", str(out), "--split", "test", "--json")
    assert (code, json.loads(told)["rows"], json.loads(told)["dataset"]) == (0, 6, "desk@1")
    assert len(out.read_text().splitlines()) == 7
    assert call("export", "desk", str(tmp_path / "out.jsonl"))[1].endswith("28 rows of desk@1\n")
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.csv", "out.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("desk", "out.xls"), "out.xls is none of .jsonl, .csv"),
        (("desk", "out.csv", "--split", "tset"), "'tset' is none of train, validation, test"),
        (("desk", "no/such/out.csv"), "cannot be written: No such file or directory"),
        (("dsk", "out.csv"), "There is no dataset 'dsk'. Did you mean desk?"),
    ],
)
def test_an_export_that_cannot_be_says_why(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("add", file)[0] == 0
    code, _, err = call("export", *arguments)
    assert (code, message in err) == (2, True)
    assert list(tmp_path.glob("*out*")) == []
