"""A variant is made whole or not at all, the same recipe only once, and a cut-off training ends as an unbroken one does."""

import importlib
import math
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from app.catalog import shelf
from app.catalog.cards import read_card
from app.catalog.catalog import Catalog, ModelVersion
from app.errors import SetupError, Unprocessable
from app.training import full
from app.training.errors import TrainingFailed, TrainingStopped
from app.training.make import Rows, digest_of, find_made, make_variant
from app.training.progress import Progress
from app.training.recipe import Recipe, TaskRecipe

SMALL = {
    "language_epochs": 14.0,
    "vocabulary": 400,
    "context": 64,
    "hidden": 32,
    "layers": 2,
    "heads": 2,
    "mlp": 48,
    "new_tokens": 12,
}
TASK = TaskRecipe(name="claims-type", dataset="claims")


def recipe(method: str, **options: object) -> Recipe:
    knobs = (
        {"epochs": 3.0, "batch_tokens": 256, "validations": 2, "learning_rate": 1e-2, "prompt_weight": 0.1} | SMALL | options
    )
    return Recipe.model_validate({"name": "claims", "method": method, "tasks": (TASK,)} | knobs)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next(folder.glob("*.safetensors")))


@pytest.mark.parametrize("method", ["lora", "full", "instruct", "vocabulary", "scratch"])
def test_a_variant_appears_in_the_catalog_with_its_lineage(
    method: str, base: ModelVersion, models_root: Path, claims: Rows, tmp_path: Path
) -> None:
    folder = make_variant(recipe(method), claims, base, tmp_path / "made", tmp_path / "work")

    catalog = Catalog([models_root, tmp_path / "made"])
    variant = catalog.find("claims")
    assert catalog.broken == {}
    assert (variant.id, variant.folder, variant.card.method) == ("claims@1", folder, method)
    assert (variant.card.parent, variant.card.parent_digest) == (
        (None, None) if method == "scratch" else ("general@1", base.digest)
    )
    prompt = variant.card.tasks[0].prompt
    assert (prompt == "{input}") if method != "instruct" else ("Labels: theft; fire; water damage" in prompt)
    assert variant.card.tasks[0].labels == ("theft", "fire", "water damage")  # the most frequent first
    assert variant.card.made.validation["claims-type_cases"] == 30
    assert not list((tmp_path / "work").iterdir())  # checkpoints are gone
    texts = "".join(path.read_text() for path in folder.iterdir() if path.suffix in {".json", ".toml"})
    assert str(tmp_path) not in texts
    assert str(models_root) not in texts


def test_lora_is_saved_beside_its_base_in_the_layout_of_peft(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    folder = make_variant(recipe("lora"), claims, base, tmp_path / "made", tmp_path / "work")

    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.toml",
        "README.md",
    }
    assert '"base_model_name_or_path": "general@1"' in (folder / "adapter_config.json").read_text()
    assert all("lora_" in name for name in weights(folder))


def test_a_full_fine_tune_stands_alone_in_bfloat16(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    folder = make_variant(recipe("full"), claims, base, tmp_path / "made", tmp_path / "work")

    assert {weight.dtype for weight in weights(folder).values()} == {torch.bfloat16}
    assert (folder / "tokenizer.json").exists()
    assert (folder / "chat_template.jinja").read_text() == (base.folder / "chat_template.jinja").read_text()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_its_card_tells_the_digest_by_which_it_serves_the_rows_and_the_energy(
    method: str, base: ModelVersion, models_root: Path, claims: Rows, tmp_path: Path
) -> None:
    folder = make_variant(recipe(method, epochs=0.5), claims, base, tmp_path / "made", tmp_path / "work")

    variant = Catalog([models_root, tmp_path / "made"]).find("claims")
    made, text = variant.card.made, (folder / "README.md").read_text()
    assert f"SHA-256 `{variant.digest}`" in text
    assert set(made.rows) == {"claims-type"}
    assert made.rows["claims-type"][:16] in text
    assert made.cpu_seconds is not None
    assert made.energy_wh == pytest.approx(made.cpu_seconds * 10 / 3600, abs=0.001)
    assert "assumed: 10 W for each busy processor core" in text


@pytest.mark.parametrize("method", ["lora", "full", "instruct", "vocabulary", "scratch"])
def test_a_training_cut_off_twice_ends_with_the_weights_of_an_unbroken_one(
    method: str, base: ModelVersion, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = recipe(method, dropout=0.1)  # its random numbers are those of an unbroken training too
    unbroken = make_variant(drawn, claims, base, tmp_path / "a", tmp_path / "work-a")

    class Killed(BaseException):
        """Like SIGKILL: nothing of the training's own code runs after it."""

    def kill_after(stage: str, step: int):
        def watch(progress: Progress) -> None:
            if (progress.stage, progress.step) == (stage, step):
                raise Killed

        return watch

    starts = []
    first_stage, second = ("language", 13) if method in ("scratch", "vocabulary") else ("train", 21)
    # Checkpoints are every 10 steps: work after the last one is lost and done again.
    for place in ((first_stage, 13), ("train", second)):
        with pytest.raises(Killed):
            make_variant(drawn, claims, base, tmp_path / "b", tmp_path / "work-b", on_progress=kill_after(*place))
    broken = make_variant(
        drawn,
        claims,
        base,
        tmp_path / "b",
        tmp_path / "work-b",
        on_progress=lambda progress: starts.append(progress.step),
    )

    assert starts[0] == second // 10 * 10 + 1
    first, second = weights(unbroken), weights(broken)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_checkpoint_that_was_cut_off_while_written_is_not_used(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    stop_at = 15
    seen: list[int] = []
    with pytest.raises(TrainingStopped, match=r"step 15 of \d+"):
        make_variant(
            recipe("full"),
            claims,
            base,
            tmp_path / "made",
            tmp_path / "work",
            on_progress=lambda progress: seen.append(progress.step),
            should_stop=lambda: bool(seen) and seen[-1] == stop_at,
        )
    (newest,) = tmp_path.glob(f"work/*/train/checkpoint-{stop_at}")
    (newest / "complete").unlink()
    seen.clear()
    make_variant(
        recipe("full"),
        claims,
        base,
        tmp_path / "made",
        tmp_path / "work",
        on_progress=lambda progress: seen.append(progress.step),
    )
    assert seen[0] == 11  # after checkpoint 10


def test_the_same_recipe_is_not_trained_again(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    steps: list[Progress] = []
    first = make_variant(recipe("lora", epochs=0.5), claims, base, tmp_path / "made", tmp_path / "work")
    again = make_variant(
        recipe("lora", epochs=0.5), claims, base, tmp_path / "made", tmp_path / "work", on_progress=steps.append
    )
    assert (again, steps) == (first, [])

    other = make_variant(recipe("lora", epochs=0.5, seed=1), claims, base, tmp_path / "made", tmp_path / "work")
    assert other.name == "2"
    assert find_made(tmp_path / "made", "claims", "no such digest") is None


def test_the_digest_tells_recipes_bases_and_rows_apart(base: ModelVersion, claims: Rows) -> None:
    task = claims["claims-type"]
    (text, label), *rest = task["train"]
    relabelled = {"claims-type": {**task, "train": [(text, "fire" if label != "fire" else "theft"), *rest]}}
    with_test = {"claims-type": {**task, "test": [("never seen", "fire")]}}
    digest = digest_of(recipe("lora"), claims, base)
    assert digest == digest_of(recipe("lora"), with_test, base)  # test rows decide nothing
    others = (digest_of(recipe("full"), claims, base), digest_of(recipe("lora"), relabelled, base))
    assert len({digest, *others}) == 3


def test_a_folder_has_its_final_name_only_when_whole(
    base: ModelVersion, models_root: Path, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shelf, "write_card", disk_full)
    with pytest.raises(TrainingFailed, match="The disk became full"):
        make_variant(recipe("lora", epochs=0.5), claims, base, tmp_path / "made", tmp_path / "work")
    assert [version.id for version in Catalog([models_root, tmp_path / "made"]).versions()] == ["general@1"]

    monkeypatch.undo()
    made = make_variant(recipe("lora", epochs=0.5), claims, base, tmp_path / "made", tmp_path / "work")
    assert read_card(made / "card.toml").id == "claims@1"


def test_a_loss_that_is_not_a_number_stops_with_what_to_do(
    base: ModelVersion, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poison:
        def __call__(self, model: torch.nn.Module, recipe: Recipe) -> torch.nn.Module:
            with torch.no_grad():
                next(model.parameters()).fill_(math.nan)
            return model

    monkeypatch.setattr("app.training.full.adapt", Poison())
    with pytest.raises(TrainingFailed, match="lower the learning rate"):
        make_variant(recipe("full"), claims, base, tmp_path / "made", tmp_path / "work")


def test_weights_that_become_no_numbers_are_never_gone_on_from(
    base: ModelVersion, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step whose loss was a number may end in weights that are none; the checkpoint before it stays the last good one."""
    models: list[torch.nn.Module] = []
    adapt = full.adapt
    monkeypatch.setattr(full, "adapt", lambda model, recipe: models.append(adapt(model, recipe)) or models[-1])

    def poison(progress: Progress) -> None:
        if progress.step == 20:
            with torch.no_grad():
                next(models[-1].parameters()).fill_(math.nan)

    long = recipe("full", epochs=10.0, validations=1)
    with pytest.raises(TrainingFailed, match="last good checkpoint is kept"):
        make_variant(long, claims, base, tmp_path / "made", tmp_path / "work", on_progress=poison)

    (stage,) = (tmp_path / "work").glob("*/train")
    assert {path.parent.name for path in stage.glob("checkpoint-*/complete")} == {"checkpoint-10"}
    steps: list[int] = []
    made = make_variant(
        long, claims, base, tmp_path / "made", tmp_path / "work", on_progress=lambda progress: steps.append(progress.step)
    )
    assert steps[0] == 11
    assert read_card(made / "card.toml").id == "claims@1"


@pytest.mark.parametrize("what", ["save_file", "torch.save"])
def test_a_disk_that_fills_up_in_mid_checkpoint_fails_with_the_reason_and_goes_on_once_there_is_room(
    what: str, base: ModelVersion, claims: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = "transformers.trainer.torch.save" if what == "torch.save" else "transformers.modeling_utils.safe_save_file"
    module, _, name = target.rpartition(".")
    real = torch.save if what == "torch.save" else getattr(importlib.import_module(module), name)

    def full_at_the_second_checkpoint(*args: object, **more: object) -> None:
        if len([*(tmp_path / "work").glob("*/train/checkpoint-*")]) > 1:
            raise OSError(28, "No space left on device", "/somewhere")
        real(*args, **more)

    monkeypatch.setattr(target, full_at_the_second_checkpoint)
    long = recipe("full", epochs=30.0, validations=1)
    with pytest.raises(TrainingFailed, match="The disk became full") as failed:
        make_variant(long, claims, base, tmp_path / "made", tmp_path / "work")
    assert "/somewhere" not in failed.value.message
    assert not list((tmp_path / "made").glob("claims/*"))

    monkeypatch.undo()
    steps: list[int] = []
    make_variant(
        long, claims, base, tmp_path / "made", tmp_path / "work", on_progress=lambda progress: steps.append(progress.step)
    )
    assert steps[0] > 1  # it went on


def test_a_training_stopped_after_its_last_step_leaves_no_model_and_is_finished_when_asked_again(
    base: ModelVersion, claims: Rows, tmp_path: Path
) -> None:
    stages: list[str] = []
    with pytest.raises(TrainingStopped, match="before its model had its name"):
        make_variant(
            recipe("lora"),
            claims,
            base,
            tmp_path / "made",
            tmp_path / "work",
            on_progress=lambda progress: stages.append(progress.stage),
            should_stop=lambda: "measure" in stages,
        )
    assert not list((tmp_path / "made").glob("claims/*"))
    steps: list[int] = []
    folder = make_variant(
        recipe("lora"), claims, base, tmp_path / "made", tmp_path / "work", on_progress=lambda one: steps.append(one.step)
    )
    assert folder.name == "1"
    assert len(set(steps)) <= 1  # nothing was trained anew


def test_targets_that_the_model_does_not_have_are_named(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match="nowhere cannot be adapted"):
        make_variant(recipe("lora", targets=("nowhere",)), claims, base, tmp_path / "made", tmp_path / "work")


def test_the_same_training_on_two_workers_is_done_once(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    begun: list[Progress] = []
    with ThreadPoolExecutor(2) as workers:
        folders = [
            *workers.map(
                lambda _: make_variant(
                    recipe("lora"), claims, base, tmp_path / "made", tmp_path / "work", on_progress=begun.append
                ),
                range(2),
            )
        ]
    assert [folder.name for folder in folders] == ["1", "1"]
    assert len({one.step for one in begun if one.stage == "train"}) == len([one for one in begun if one.stage == "train"])
    assert not list((tmp_path / "work").iterdir())


def test_two_trainings_of_one_name_at_once_end_as_two_versions(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    # Two processes, each with another seed.
    script = (
        "import sys; from pathlib import Path; from app.catalog.catalog import Catalog;"
        "from app.training.make import make_variant;"
        "from tests.training.conftest import rows; from tests.training.test_make import recipe;"
        "root, out, seed = sys.argv[1:]; base = Catalog([Path(root)]).find('general');"
        "texts = {'claims-type': {'train': rows(90), 'validation': rows(30, seed=1)}};"
        "make_variant(recipe('lora', seed=int(seed), epochs=1.0), texts, base, Path(out) / 'made', Path(out) / 'work')"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(base.folder.parent), str(tmp_path), seed], cwd=Path(__file__).parents[2]
        )
        for seed in ("1", "2")
    ]
    assert [one.wait(timeout=120) for one in both] == [0, 0]
    cards = [read_card(path) for path in sorted((tmp_path / "made").glob("claims/*/card.toml"))]
    assert [card.version for card in cards] == [1, 2]
    assert {card.made.recipe["seed"] for card in cards} == {1, 2}


def test_auto_races_the_methods_and_the_card_tells_the_score(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    folder = make_variant(recipe("auto", epochs=8.0), claims, base, tmp_path / "made", tmp_path / "work")

    card = read_card(folder / "card.toml")
    race = {method: card.made.validation[f"race_{method}_macro_f1"] for method in ("lora", "full")}
    assert card.method == max(race, key=lambda method: race[method])
    assert tomllib.loads((folder / "card.toml").read_text())["made"]["recipe"]["method"] == "auto"


def test_rows_longer_than_the_context_are_counted_on_the_way_and_in_the_card(
    base: ModelVersion, claims: Rows, tmp_path: Path
) -> None:
    long = [("water ran down the wall " * 200, "water damage")] * 3
    rows = {
        "claims-type": {"train": [*claims["claims-type"]["train"], *long], "validation": claims["claims-type"]["validation"]}
    }
    told: list[Progress] = []
    folder = make_variant(recipe("lora"), rows, base, tmp_path / "made", tmp_path / "work", on_progress=told.append)
    assert {progress.rows_left_out for progress in told} == {3}
    assert read_card(folder / "card.toml").made.validation["rows_left_out"] == 3
    assert "3 rows" in (folder / "README.md").read_text()


def test_two_tasks_are_learned_by_one_variant(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    decisions = {
        split: [(text, "refer" if label == "fire" else "approve") for text, label in rows]
        for split, rows in claims["claims-type"].items()
    }
    both = recipe("full", epochs=6.0).model_copy(update={"tasks": (TASK, TaskRecipe(name="decision", dataset="claims"))})
    folder = make_variant(both, {**claims, "decision": decisions}, base, tmp_path / "made", tmp_path / "work")

    validation = read_card(folder / "card.toml").made.validation
    assert validation["claims-type_accuracy"] > 0.9
    assert validation["decision_accuracy"] > 0.9


def test_minutes_cut_the_epochs_and_stay_the_same_when_resumed(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    totals = set()
    timed = recipe("lora", epochs=1000.0, minutes=0.1)
    with pytest.raises(TrainingStopped):
        make_variant(timed, claims, base, tmp_path / "made", tmp_path / "work", should_stop=lambda: True)
    make_variant(
        timed, claims, base, tmp_path / "made", tmp_path / "work", on_progress=lambda progress: totals.add(progress.steps)
    )
    assert len(totals) == 1
    assert totals.pop() < 6000
    (card,) = (tmp_path / "made").glob("*/*/card.toml")
    assert 0 < read_card(card).made.validation["epochs"] < 1000


@pytest.mark.parametrize(
    ("train", "validation", "says"),
    [
        ([("a", "x"), ("b", "x")], [("c", "x")], "at least 2"),
        ([("a", "x"), ("b", "y")], [], "no validation rows"),
        ([("a " * 500, "x"), ("b " * 500, "y")], [("c " * 500, "x")], "fits the context of 256"),
    ],
)
def test_rows_that_teach_nothing_are_refused(
    train: list[tuple[str, str]], validation: list[tuple[str, str]], says: str, base: ModelVersion, tmp_path: Path
) -> None:
    with pytest.raises(Unprocessable, match=says):
        make_variant(
            recipe("lora"),
            {"claims-type": {"train": train, "validation": validation}},
            base,
            tmp_path / "made",
            tmp_path / "work",
        )


def test_an_adapter_is_no_base(base: ModelVersion, models_root: Path, claims: Rows, tmp_path: Path) -> None:
    make_variant(recipe("lora", epochs=0.5), claims, base, tmp_path / "made", tmp_path / "work")
    adapter = Catalog([models_root, tmp_path / "made"]).find("claims")
    with pytest.raises(Unprocessable, match="make the variant from general@1"):
        make_variant(recipe("lora"), claims, adapter, tmp_path / "made", tmp_path / "work")


def test_a_folder_that_cannot_be_written_is_named(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="VERSUS_DATA_DIR"):
        make_variant(recipe("lora"), claims, base, tmp_path / "made", tmp_path / "file" / "work")
