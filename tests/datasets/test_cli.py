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
