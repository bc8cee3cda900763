"""Reading the domain's texts before a task: done once, within its share of the minutes, and worth something."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.catalog import ModelVersion
from app.errors import Unprocessable
from app.training import ground as module
from app.training.ground import lay_ground
from app.training.make import Rows, make_variant
from app.training.progress import Progress
from app.training.recipe import Recipe, TaskRecipe
from tests.training.conftest import rows

TEXTS = [text for text, _ in rows(200)]
SHAPE = {"vocabulary": 400, "context": 64, "hidden": 32, "layers": 2, "heads": 2, "mlp": 48, "new_tokens": 12}


def recipe(method: str, **options: object) -> Recipe:
    knobs = SHAPE | {"language_epochs": 4.0, "batch_tokens": 256, "epochs": 1.0, "validations": 1} | options
    return Recipe.model_validate(
        {"name": "x", "method": method, "tasks": (TaskRecipe(name="claims-type", dataset="d"),)} | knobs
    )


def loss_on(folder: Path, texts: list[str]) -> float:
    """Nats per character of the texts."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    total = 0.0
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]])
            total += float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
    return total / sum(map(len, texts))


@pytest.mark.parametrize("method", ["scratch", "vocabulary"])
def test_what_was_read_is_better_predicted_and_reading_is_done_once(
    method: str, base: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = [text for text, _ in rows(20, seed=9)]
    told: list[Progress] = []
    folder, outcome = lay_ground(recipe(method), base, TEXTS, tmp_path, told.append, None)
    assert outcome is not None
    assert outcome.tokens > 1000
    assert told[-1].loss < told[0].loss
    assert loss_on(folder, unseen) < 0.9 * loss_on(base.folder, unseen)

    monkeypatch.setattr(module, "train", lambda *_, **__: pytest.fail("read again"))
    assert lay_ground(recipe(method), base, TEXTS, tmp_path, told.append, None) == (folder, outcome)


def test_reading_keeps_to_its_share_of_the_minutes(base: ModelVersion, tmp_path: Path) -> None:
    few = recipe("scratch", minutes=0.02, language_epochs=500.0)
    lay_ground(few, base, TEXTS, tmp_path, lambda _: None, None)
    steps = json.loads((tmp_path / "language-steps.json").read_text())
    assert 1 <= steps < 500 * 200 * 8 / 256 / 4


@pytest.mark.parametrize("method", ["scratch", "vocabulary"])
def test_texts_without_labels_are_read_as_well_and_change_what_is_made(method: str, base: ModelVersion, tmp_path: Path) -> None:
    claims: Rows = {"claims-type": {"train": rows(90), "validation": rows(30, seed=1)}}
    policies = [f"subrogation waiver number {i}, subrogation of the reinsurer" for i in range(60)]
    plain, read = (
        make_variant(recipe(method, new_tokens=200), claims, base, tmp_path / "made", tmp_path / "work", texts=texts)
        for texts in ((), policies)
    )
    assert (plain.name, read.name) == ("1", "2")  # another training, not the same one found again
    word = "Ġsubrogation"
    assert word in AutoTokenizer.from_pretrained(read).get_vocab()
    assert word not in AutoTokenizer.from_pretrained(plain).get_vocab()
    assert loss_on(read, policies) < 0.8 * loss_on(plain, policies)


def test_a_method_that_takes_the_base_as_it_is_reads_nothing(base: ModelVersion, tmp_path: Path) -> None:
    assert lay_ground(recipe("full"), base, TEXTS, tmp_path, lambda _: None, None) == (base.folder, None)


@pytest.mark.parametrize(
    ("options", "times", "says"),
    [
        ({"context": 32}, 20, "no row of task"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_change(
    base: ModelVersion, tmp_path: Path, options: dict[str, object], times: int, says: str
) -> None:
    given: Rows = {
        "claims-type": {split: [(text * times, label) for text, label in rows(40)] for split in ("train", "validation")}
    }
    with pytest.raises(Unprocessable, match=says):
        make_variant(recipe("scratch", **options), given, base, tmp_path / "made", tmp_path / "work")
    assert not (tmp_path / "made" / "x").exists()
