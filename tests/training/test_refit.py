"""A refit learns from the validation rows too, after they have chosen: what is told of them is of the weights before."""

from pathlib import Path

import pytest
import torch

from app.catalog.cards import Card, read_card
from app.catalog.catalog import ModelVersion
from app.cli import train as cli
from app.training.dry_run import dry_run
from app.training.estimate import need
from app.training.lesson import Rows, read_lesson
from app.training.make import digest_of, make_variant
from app.training.progress import Progress
from app.training.recipe import Recipe, TaskRecipe
from app.training.refit import Found
from tests.training.test_make import recipe, weights


@pytest.fixture(scope="module")
def plain(base: ModelVersion, claims: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plain")
    return make_variant(recipe("full"), claims, base, root / "made", root / "work")


@pytest.fixture(scope="module")
def refitted(base: ModelVersion, claims: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("refitted")
    return make_variant(recipe("full", refit=True), claims, base, root / "made", root / "work")


def card_of(folder: Path) -> Card:
    return read_card(folder / "card.toml")


def alike(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_what_validation_says_is_of_the_weights_before(plain: Path, refitted: Path) -> None:
    before, after = card_of(plain), card_of(refitted)
    assert not alike(plain, refitted)
    assert after.made.validation == before.made.validation | {"refit_rows": 90.0 + 30.0}
    assert after.tasks == before.tasks  # the temperature is theirs
    assert before.tasks[0].temperature != 1.0
    assert (before.made.refitted_on, after.made.refitted_on) == ((), ("claims",))
    assert (before.made.tokens or 0) < (after.made.tokens or 0)
    assert after.made.seconds is not None
    assert "on 120 rows, the validation rows among them" in (refitted / "README.md").read_text()
    assert "refit" not in (plain / "README.md").read_text()


def test_recipes_of_before_there_was_a_refit_keep_their_digest(base: ModelVersion, claims: Rows) -> None:
    assert "refit" not in recipe("full").model_dump(mode="json")
    assert digest_of(recipe("full", refit=False), claims, base) == digest_of(recipe("full"), claims, base)
    assert digest_of(recipe("full", refit=True), claims, base) != digest_of(recipe("full"), claims, base)


class Killed(BaseException):
    """Like SIGKILL: nothing of the training's own code runs after it."""


@pytest.mark.parametrize("places", [[("train", 13), ("refit", 17)], [("measure", 0), ("refit", 1)]])
def test_a_refit_cut_off_anywhere_ends_with_the_weights_of_an_unbroken_one(
    places: list[tuple[str, int]], base: ModelVersion, claims: Rows, refitted: Path, tmp_path: Path
) -> None:
    def run(place: tuple[str, int] | None, seen: list[Progress]) -> Path:
        def watch(progress: Progress) -> None:
            seen.append(progress)
            if place is not None and progress.stage == place[0] and progress.step >= place[1]:
                raise Killed

        return make_variant(recipe("full", refit=True), claims, base, tmp_path / "made", tmp_path / "work", on_progress=watch)

    for place in places:
        with pytest.raises(Killed):
            run(place, [])
    seen: list[Progress] = []
    broken = run(None, seen)
    assert {progress.stage for progress in seen} == {"refit"}  # the first training is not done again
    assert seen[0].step == (11 if places[-1] == ("refit", 17) else 1)
    assert alike(broken, refitted)
    assert card_of(broken).made.validation == card_of(refitted).made.validation
    assert not list((tmp_path / "work").iterdir())


def test_its_epochs_are_those_that_had_led_to_the_best_weights(
    base: ModelVersion, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of three validations is the best, and patience ends the training after the second."""
    scores = iter([0.9, 0.5, 0.4])
    monkeypatch.setattr("app.training.lesson.Validation.score", lambda self, model, most: next(scores))
    asked = recipe("full", epochs=6.0, validations=3, patience=1, refit=True)
    seen: list[Progress] = []
    folder = make_variant(asked, claims, base, tmp_path / "made", tmp_path / "work", on_progress=seen.append)
    found = card_of(folder).made.validation
    assert found["best_epoch"] == pytest.approx(2.0, abs=0.1)
    assert found["steps"] < max(progress.steps for progress in seen if progress.stage == "train")
    lesson = read_lesson(asked, base.folder, claims, base.card.context, 1).with_validation()
    steps = {progress.steps for progress in seen if progress.stage == "refit"}
    assert steps == {len(lesson.plan(asked.model_copy(update={"epochs": found["best_epoch"]})))}


def test_balance_counts_all_rows_and_a_label_of_validation_alone_is_learned(base: ModelVersion) -> None:
    rows = {"claims-type": {"train": [("a b", "x"), ("b c", "x"), ("c d", "y")], "validation": [("d e", "y"), ("e f", "z")]}}
    before = read_lesson(recipe("full", balance=1.0), base.folder, rows, 64, 1)
    after = before.with_validation()
    assert [row.weight for row in before.tasks[0].train] == [0.75, 0.75, 1.5]
    assert [row.weight for row in after.tasks[0].train] == pytest.approx([5 / 6, 5 / 6, 5 / 6, 5 / 6, 5 / 3])
    assert after.tasks[0].task.labels == ("x", "y", "z")


@pytest.mark.parametrize("method", ["full", "instruct"])
def test_fields_and_texts_are_rows_like_others(method: str, base: ModelVersion) -> None:
    pages = {"train": [("a 1", '{"n": 1}'), ("b 2", '{"n": 2}')], "validation": [("c 3", '{"n": 3, "of": "c"}')]}
    notes = {"train": [("a", "b c")], "validation": [("d", "e")]}
    tasks = (
        TaskRecipe(name="pages", dataset="pages", kind="extraction"),
        TaskRecipe(name="notes", dataset="notes", kind="text_to_text"),
    )
    both = recipe(method).model_copy(update={"tasks": tasks})
    before = read_lesson(both, base.folder, {"pages": pages, "notes": notes}, 128, 1)
    after = before.with_validation()
    assert [task.task for task in after.tasks] == [task.task for task in before.tasks]
    assert [len(task.train) for task in after.tasks] == [3, 2]


@pytest.mark.parametrize("method", ["lora", "scratch"])
def test_a_refit_of_what_another_training_found_is_the_refit_of_that_training(
    method: str, base: ModelVersion, claims: Rows, tmp_path: Path
) -> None:
    def made(where: str, asked: Recipe, found: Found | None = None, stages: set[str] | None = None) -> Path:
        told = set() if stages is None else stages
        return make_variant(
            asked,
            claims,
            base,
            tmp_path / where,
            tmp_path / "work",
            on_progress=lambda progress: told.add(progress.stage),
            found=found,
        )

    whole = made("whole", recipe(method, refit=True))
    first = card_of(made("first", recipe(method))).made.validation
    stages: set[str] = set()
    found = Found(method="lora" if method == "lora" else "full", best_epoch=first["best_epoch"], numbers=first)
    alone = made("alone", recipe(method, refit=True), found, stages)
    assert stages == ({"language", "refit"} if method == "scratch" else {"refit"})
    assert alike(alone, whole)
    assert card_of(alone).made.validation == card_of(whole).made.validation


def test_with_auto_the_winner_is_refitted(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    asked = recipe("auto", epochs=1.0, refit=True)
    stages: list[str] = []
    folder = make_variant(
        asked, claims, base, tmp_path / "made", tmp_path / "work", on_progress=lambda one: stages.append(one.stage)
    )
    card = card_of(folder)
    race = {method: card.made.validation[f"race_{method}_macro_f1"] for method in ("lora", "full")}
    assert card.method == max(race, key=lambda method: race[method])
    assert list(dict.fromkeys(stages)) == ["race-lora", "race-full", "train", "measure", "refit"]
    assert (folder / "adapter_config.json").exists() == (card.method == "lora")


def test_an_estimate_tells_what_a_refit_adds_at_most(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    before, after = (dry_run(recipe("full", refit=refit), claims, base, tmp_path, None) for refit in (False, True))
    assert before.refit_tokens == 0
    assert after.tokens == before.tokens + after.refit_tokens
    assert after.refit_tokens == pytest.approx(before.tokens * 120 / 90, rel=0.03)
    assert after.steps > 2 * before.steps
    assert f"of which the refit takes at most {after.refit_tokens:,}" in cli.estimate_text(after.model_dump())
    assert "refit" not in cli.estimate_text(before.model_dump())
    many = {"row_tokens": 10**6}  # rows wait in tokens twice; checkpoints of one training are gone before the next
    assert need(recipe("full", refit=True), base, **many).memory > need(recipe("full"), base, **many).memory
    assert need(recipe("full", refit=True), base).disk == need(recipe("full"), base).disk
