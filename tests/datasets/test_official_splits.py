"""Datasets that come already split: test and validation rows in files of their own, or named by a column."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.cli.data import app

DATA = Path(__file__).parents[2].parent / "shared/data"
BANKING = DATA / "support_banking77"
MTS = DATA / "medical_mts_dialog"


def table(start: int, count: int, labels: str = "ab") -> str:
    rows = (f"{words(number)},{labels[number % len(labels)]}" for number in range(start, start + count))
    return "\n".join(["text,label", *rows])


def words(number: int) -> str:
    """A text unlike those of other numbers."""
    return " ".join(f"{number * prime % 9973:x}word" for prime in (7, 331, 2741, 5003))


@pytest.fixture
def post(client: TestClient) -> Callable[..., httpx.Response]:
    """Posts named files with form fields."""

    def send(files: dict[str, str | bytes], /, path: str = "", **fields: Any) -> httpx.Response:
        sent = {role: (f"{role}.csv", text if isinstance(text, bytes) else text.encode()) for role, text in files.items()}
        return client.post(f"/v1/datasets{path}", files=sent, data=fields)

    return send


Post = Callable[..., httpx.Response]


def rows_of(client: TestClient, dataset: str, split: str) -> list[str]:
    page = client.get(f"/v1/datasets/{dataset}/rows", params={"limit": 1000, "split": split}).json()
    return [row["text"] for row in page["data"]]


def test_each_file_is_its_split(client: TestClient, post: Post) -> None:
    answer = post({"file": table(0, 40), "validation": table(40, 7), "test": table(50, 9)}, name="desk")
    assert answer.status_code == 201
    dataset = answer.json()
    assert dataset["sizes"] == {"train": 40, "validation": 7, "test": 9}
    assert dataset["source"] == "file.csv + validation.csv + test.csv"
    assert dataset["split"] == {"strategy": "given", "column": None, "fractions": None, "seed": None}
    assert "Split as the files say." in dataset["notes"]
    assert rows_of(client, "desk", "validation") == [words(number) for number in range(40, 47)]
    assert rows_of(client, "desk", "test") == [words(number) for number in range(50, 59)]


def test_validation_comes_from_train_by_label_where_it_has_no_file(client: TestClient, post: Post) -> None:
    files: dict[str, str | bytes] = {"file": table(0, 80, "aaab"), "test": table(100, 10)}
    dataset = post(files, name="desk", fractions="0.6,0.2,0.2").json()
    assert dataset["counts"]["validation"] == {"a": 15, "b": 5}  # a quarter of train: 0.2 of 0.6 + 0.2
    assert dataset["split"]["fractions"] == {"train": 0.75, "validation": 0.25, "test": 0.0}
    assert "Split as the files say, 20 rows for validation taken from train at random." in dataset["notes"]
    assert rows_of(client, "desk", "test") == [words(number) for number in range(100, 110)]
    # The same files and seed are the same version, another seed draws other validation rows.
    assert post(files, name="desk", fractions="0.6,0.2,0.2").status_code == 200
    assert post(files, name="desk", fractions="0.6,0.2,0.2", seed=5).json()["version"] == 2


def test_what_test_has_is_left_out_of_train_and_test_stays_whole(client: TestClient, post: Post) -> None:
    shared = table(0, 40) + f"\n{words(50)},a\n{words(51).upper()}!,b"
    files: dict[str, str | bytes] = {"file": shared, "validation": table(40, 7), "test": table(50, 9)}
    sizes = {drop: post(files, drop=drop).json()["sizes"] for drop in ("none", "exact", "near")}
    assert [size["train"] for size in sizes.values()] == [42, 41, 40]
    assert {size["test"] for size in sizes.values()} == {9}
    pairs = {tuple(pair["splits"]): pair for pair in post(files).json()["report"]["leakage"]["pairs"]}
    assert pairs["train", "test"]["exact"] == {"train": 1, "test": 1}
    assert pairs["train", "test"]["near"] == {"train": 1, "test": 1}


def test_labels_of_test_have_no_say_in_which_are_kept(post: Post) -> None:
    dataset = post(
        {"file": table(0, 60, "aabbc"), "validation": table(60, 10, "ab"), "test": table(70, 90, "ccccab")}, top=2
    ).json()
    assert dataset["labels"] == ["a", "b"]
    assert dataset["sizes"]["test"] == 30


@pytest.mark.parametrize(
    ("files", "fields", "message"),
    [
        ({"validation": table(40, 7)}, {}, "no row is for test"),
        ({"test": table(40, 7)}, {"split": "random"}, "leave out split and split_by"),
        ({"test": table(40, 7)}, {"split_by": "label"}, "leave out split and split_by"),
        ({"test": table(40, 7).replace("label", "lable")}, {"label": "label"}, "test.csv has no column 'label'. Did you mean"),
        ({"test": "text,label\n"}, {}, "test.csv has no rows."),
        ({"test": table(0, 40)}, {}, "no row is left for train (40 were left out because a later split has their text"),
        ({}, {"split": "given"}, "or a file of its own for test"),
    ],
)
def test_files_that_make_no_split_are_refused(
    client: TestClient, post: Post, files: dict[str, str | bytes], fields: dict[str, str], message: str
) -> None:
    answer = post({"file": table(0, 40), **files}, **fields)
    assert (answer.status_code, message in answer.json()["error"]["message"]) == (422, True), answer.json()
    assert client.get("/v1/datasets").json()["data"] == []


def test_a_column_can_name_the_splits(client: TestClient, post: Post) -> None:
    names = ("Train", "train", "train", "dev", "TEST")
    lines = [f"{words(number)},{'ab'[number % 2]},{names[number % 5]}" for number in range(50)]
    dataset = post({"file": "\n".join(["text,label,part", *lines])}, split_by="part").json()
    assert dataset["sizes"] == {"train": 30, "validation": 10, "test": 10}
    assert dataset["split"] == {"strategy": "given", "column": "part", "fractions": None, "seed": None}
    lines[17] = lines[17].replace("train", "holdout")
    answer = post({"file": "\n".join(["text,label,part", *lines])}, split_by="part", split="given")
    assert (
        "Line 19: 'holdout' in column 'part' is no split; write train, validation, test." in answer.json()["error"]["message"]
    )


def test_a_preview_tells_the_official_split_and_stores_nothing(client: TestClient, post: Post) -> None:
    preview = post({"file": table(0, 40), "test": table(50, 9)}, "/preview").json()
    assert preview["problem"] is None
    assert preview["dataset"]["sizes"] == {"train": 35, "validation": 5, "test": 9}
    assert client.get("/v1/datasets").json()["data"] == []


def test_versus_data_add_takes_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSUS_DATA_DIR", str(tmp_path / "var"))
    files = {name: tmp_path / f"{name}.csv" for name in ("train", "validation", "test")}
    for start, file in enumerate(files.values()):
        file.write_text(table(100 * start, 20))
    others = ["--validation", str(files["validation"]), "--test", str(files["test"])]
    added = CliRunner().invoke(app, ["add", str(files["train"]), *others, "--json"])
    dataset = json.loads(added.stdout)
    assert (dataset["name"], dataset["sizes"]) == ("train", {"train": 20, "validation": 20, "test": 20})
    alone = CliRunner().invoke(app, ["add", str(files["train"]), *others[:2]])
    assert (alone.exit_code, "--validation goes with --test" in alone.stderr) == (2, True)


def test_the_official_split_of_banking77(post: Post) -> None:
    if not BANKING.exists():
        pytest.skip(f"the bank's questions are not here: {BANKING}")
    files: dict[str, str | bytes] = {"file": (BANKING / "train.csv").read_bytes(), "test": (BANKING / "test.csv").read_bytes()}
    dataset = post(files, name="banking").json()
    assert dataset["sizes"] == {"train": 8748, "validation": 1249, "test": 3080}
    assert len(dataset["labels"]) == 77
    assert set(dataset["counts"]["test"].values()) == {40}
    assert dataset["report"]["leakage"]["dropped"] == {"train": 5, "validation": 1, "test": 0}
    assert post(files, name="banking", drop="none").json()["sizes"] == {"train": 8753, "validation": 1250, "test": 3080}


def test_the_official_split_of_mts_dialog(post: Post) -> None:
    if not MTS.exists():
        pytest.skip(f"the doctors' dialogues are not here: {MTS}")
    names = {"file": "TrainingSet", "validation": "ValidationSet", "test": "TestSet-1-MEDIQA-Chat-2023"}
    files: dict[str, str | bytes] = {role: (MTS / f"MTS-Dialog-{name}.csv").read_bytes() for role, name in names.items()}
    dataset = post(files, name="visits", text="dialogue", label="section_header").json()
    assert (dataset["sizes"], len(dataset["labels"])) == ({"train": 1199, "validation": 100, "test": 200}, 20)
    summaries = post(files, name="summaries", text="dialogue", answer="section_text").json()
    assert (summaries["kind"], summaries["sizes"]) == ("text_to_text", dataset["sizes"])
