"""Makes a variant from a recipe and rows: race if asked, train, choose the best weights, write them whole, the card last."""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from app.catalog.cards import CARD_FILE, Card, Made, read_card
from app.catalog.catalog import ModelVersion
from app.catalog.digest import model_digest, recipe_digest
from app.catalog.shelf import PARTS, put_in_place
from app.engines.embedded.turns import read_tokenizer
from app.errors import SetupError, Unprocessable
from app.training import full, lora
from app.training.data import Row, encode_tasks, words_of
from app.training.dry_run import need_of, plan_of
from app.training.energy import USUAL, Meter, Power, energy
from app.training.errors import TrainingStopped
from app.training.ground import lay_ground
from app.training.loop import Outcome, Schedule, best_weights
from app.training.model_card import model_card
from app.training.pace import seconds_per_step
from app.training.plan import Plan
from app.training.processes import train
from app.training.progress import OnProgress, Progress
from app.training.ranks import steps_of
from app.training.recipe import CODE, Recipe
from app.training.room import check_room, free_memory, said_when_full
from app.training.validation import BITS, MACRO_F1, Validation
from app.training.watch import ShouldStop

RACE_STEPS = 40  # at least, of each method: fewer tell nothing
RACE_SHARE = 0.1  # of the epochs, for each method
RACE_CASES, STEP_CASES, FINAL_CASES = 200, 200, 1000  # validation rows scored, per task
SPEED_STEPS, SPEED_CASES, SPEED_TOKENS = 5, 60, 2**14  # timed to fit a training into its minutes; tokens of the cases at most
LOCK_POLL_S = 0.5  # between two looks whether the same training is over elsewhere
SCORING_SHARE = 0.4  # of the minutes, for validations: where they would take more there are fewer

Rows = Mapping[str, Mapping[str, Sequence[Row]]]  # task -> split -> (text; label, answer, or fields as JSON)
Contestant = Literal["lora", "full"]
RACED = {MACRO_F1: "macro_f1", BITS: "bits_per_byte"}  # what a race's number is called in a card; else: score


def digest_of(recipe: Recipe, rows_by_task: Rows, base: ModelVersion, texts: Sequence[str] = (), processes: int = 1) -> str:
    """The identity of a training: recipe, base, rows, texts that are only read, the version of this code, and in how many
    processes, as a step takes a batch for each."""
    rows = {name: {split: _hash(splits[split]) for split in ("train", "validation")} for name, splits in rows_by_task.items()}
    more: dict[str, object] = {"texts": _hash(texts)} if texts else {}
    if processes > 1:
        more["processes"] = processes
    return recipe_digest({"recipe": recipe.model_dump(mode="json"), "base": base.digest, "rows": rows, "code": CODE, **more})


def _hash(rows: Sequence[Row] | Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([*rows]).encode()).hexdigest()


def find_made(out_root: Path, name: str, digest: str) -> Path | None:
    """The folder of a version that was made by this very training."""
    for path in sorted(out_root.glob(f"{name}/*/{CARD_FILE}")):
        try:
            if read_card(path).made.recipe_digest == digest:
                return path.parent
        except SetupError:
            continue  # a card that cannot be read is not the one; the catalog tells about it
    return None


def make_variant(
    recipe: Recipe,
    rows_by_task: Rows,
    base: ModelVersion,
    out_root: Path,
    work_dir: Path,
    *,
    texts: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    power: Power = USUAL,
    processes: int = 1,
) -> Path:
    """The folder `out_root/<name>/<version>/` of the variant; at once when this very training was done before.

    `rows_by_task` holds for each task of the recipe {"train": [(text, label)], "validation": [...]}, where a
    text_to_text has answers in place of labels and an extraction has fields as JSON; `texts` are read before the task, beside
    its own, by the methods that read; `processes` train it together, a batch each. Killed and called again
    with the same arguments and `work_dir` it goes on from its last checkpoint. Raises Unprocessable for rows that cannot be
    learned from, WontFit for a training that needs more memory or disk than there is, SetupError for a folder that cannot be
    written, TrainingFailed and TrainingStopped as the loop does.
    """
    digest = digest_of(recipe, rows_by_task, base, texts, processes)
    made = find_made(out_root, recipe.name, digest)
    if made is not None:
        return made
    work = work_dir / digest[:16]  # another recipe's checkpoints must not be resumed
    try:
        work.mkdir(parents=True, exist_ok=True)
        out_root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{error.filename} cannot be written ({error.strerror}); set VERSUS_DATA_DIR to a folder that can"
        ) from error
    with _alone(work, should_stop), said_when_full():
        made = find_made(out_root, recipe.name, digest)
        if made is not None:
            return made
        workshop = _Workshop(recipe, rows_by_task, base, work, texts, on_progress, should_stop, power, processes)
        workshop.check_room(out_root)
        card, part = workshop.make(digest)
        if should_stop is not None and should_stop():
            raise TrainingStopped(
                "training was stopped before its model had its name; start it again and it goes on from there"
            )
        version = _put_in_place(card, part, out_root, base)
        shutil.rmtree(work, ignore_errors=True)
    return version


@contextmanager
def _alone(work: Path, should_stop: ShouldStop | None) -> Iterator[None]:
    """Two workers of one data folder never write the same checkpoints: the second waits, and finds what the first made.

    Raises TrainingStopped when asked to stop meanwhile."""
    path = work.with_name(f"{work.name}.lock")
    while True:
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The one before may have removed the file between our opening and locking it.
                held = path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino
            except BlockingIOError:
                held = False
            if held:
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        if should_stop is not None and should_stop():
            raise TrainingStopped("training was stopped while the same one went on elsewhere; start it again if it is wanted")
        time.sleep(LOCK_POLL_S)


class _Workshop:
    """One making: the rows in tokens, and the steps from them to a finished folder."""

    def __init__(
        self,
        recipe: Recipe,
        rows_by_task: Rows,
        base: ModelVersion,
        work: Path,
        texts: Sequence[str] = (),
        on_progress: OnProgress | None = None,
        should_stop: ShouldStop | None = None,
        power: Power = USUAL,
        processes: int = 1,
    ) -> None:
        if base.card.method == "lora":
            raise Unprocessable(
                f"{base.id} is an adapter; make the variant from {base.card.parent}, which it stands on", param="base"
            )
        self._recipe, self._base, self._work = recipe, base, work
        self._on_progress, self._should_stop = on_progress, should_stop
        self._rows, self._texts = rows_by_task, texts
        self._context = recipe.context if recipe.method == "scratch" else base.card.context
        self._began = time.time()
        self._power, self._meter = power, Meter(work / "spent.json", processes)
        self._processes = processes
        self._last: Progress | None = None
        self._stand_on(base.folder)  # where rows cannot be learned from, that is told before hours of reading

    def _stand_on(self, ground: Path) -> None:
        """Begin with the tokenizer and the weights of a folder."""
        self._ground = ground
        self._tokenizer = read_tokenizer(ground)
        self._tasks = encode_tasks(self._tokenizer, self._recipe, self._rows, self._context)

    def check_room(self, out_root: Path) -> None:
        """Raises WontFit."""
        needed = need_of(self._recipe, self._base, self._tasks, self._texts, self._processes)
        if torch.cuda.is_available():  # each process has a GPU of its own
            needed = replace(needed, memory=needed.each)
            memory: int | None = min(torch.cuda.mem_get_info(gpu)[0] for gpu in range(self._processes))
        else:
            memory = free_memory()
        check_room(needed, out_root, self._work, memory)

    def make(self, digest: str) -> tuple[Card, Path]:
        """Train and write everything but the card's final place."""
        own = [text for task in self._recipe.tasks for text in words_of(task.kind, self._rows[task.name]["train"])]
        texts = [*own, *self._texts]
        ground, reading = lay_ground(
            self._recipe, self._base, texts, self._work, self._tell("language"), self._should_stop, self._processes
        )
        if reading is not None:
            self._stand_on(ground)
            self._began = time.time() - reading.seconds  # also where the reading was done before a kill
        recipe = self._fit_to_minutes()
        race: dict[Contestant, float] = {}
        if recipe.method == "auto":
            race = self._race(recipe)
            winner = max(race, key=lambda method: race[method])
            recipe = self._with_the_time_left(recipe.for_method(winner), winner)
        method: Contestant = "lora" if recipe.method == "lora" else "full"
        model, outcome = self._train(recipe, method, "train", STEP_CASES)
        part = self._work / "model"
        shutil.rmtree(part, ignore_errors=True)
        if method == "lora":
            lora.save(model, part, self._base.id)
        else:
            full.save(model, part, self._tokenizer)
        # What is measured is read back from the disk, as it will be served.
        self._say("measure")
        tasks, validation = self._validation.measured(self._read_back(method, part), FINAL_CASES)
        from_nothing = recipe.method == "scratch"
        card = Card(
            name=recipe.name,
            kind="custom",
            method=recipe.method if recipe.method != "auto" else method,
            domain=recipe.domain or recipe.name,
            summary=f"Made from {'its own text alone' if from_nothing else self._base.id} for "
            f"{', '.join(task.task.name for task in self._tasks)}.",
            licence="" if from_nothing else self._base.card.licence,
            parent=None if from_nothing else self._base.id,
            parent_digest=None if from_nothing else self._base.digest,
            context=self._context,
            parameters=sum(weight.numel() for weight in model.parameters()),
            tasks=tasks,
            sources=() if from_nothing else self._base.card.sources,
            made=Made(
                recipe_digest=digest,
                recipe=self._recipe.model_dump(mode="json", exclude_none=True),
                datasets=tuple(dict.fromkeys([*(task.dataset for task in self._recipe.tasks), *self._recipe.texts])),
                created=datetime.now(UTC).replace(microsecond=0),
                seconds=round(outcome.seconds + (reading.seconds if reading else 0.0), 1),
                processes=self._processes,
                rows={name: _hash([*splits["train"], *splits["validation"]]) for name, splits in self._rows.items()},
                **energy(self._meter.cpu_seconds, self._meter.gpu_seconds, self._power),
                tokens=outcome.tokens + (reading.tokens if reading else 0),
                validation={
                    **validation,
                    **{
                        f"race_{name}_{RACED.get(self._validation.measure, 'score')}": round(self._validation.shown(value), 4)
                        for name, value in race.items()
                    },
                    "best_step": outcome.best_step or outcome.steps,
                    "steps": outcome.steps,
                    "epochs": round(recipe.epochs, 2),  # as many as the minutes allowed
                    "rows_left_out": self._left_out,
                    "padding": round(self._plan(recipe).padding, 4),  # share of the tokens of the steps
                },
            ),
        )
        return card, part

    def _race(self, recipe: Recipe) -> dict[Contestant, float]:
        """Each method for a short while, with a schedule of that length; the score on validation."""
        path = self._work / "race.json"
        found: dict[Contestant, float] = json.loads(path.read_text()) if path.exists() else {}
        methods: tuple[Contestant, ...] = ("lora", "full")
        for method in methods:
            if method not in found:
                share = min(1.0, max(RACE_SHARE, RACE_STEPS / self._steps(self._plan(recipe))))
                short = recipe.for_method(method, share).model_copy(update={"validations": 1})
                _, outcome = self._train(short, method, f"race-{method}", RACE_CASES)
                assert outcome.best is not None, "it validates once"
                found[method] = outcome.best
                path.write_text(json.dumps(found))
                shutil.rmtree(self._work / f"race-{method}", ignore_errors=True)
        return found

    def _train(self, recipe: Recipe, method: Contestant, stage: str, cases: int) -> tuple[nn.Module, Outcome]:
        """The model with its best weights."""
        plan = self._plan(recipe)
        model = self._fresh(recipe, method)
        outcome = train(
            model,
            plan,
            _schedule(recipe, method),
            self._work / stage,
            seed=recipe.seed,
            dropout=recipe.dropout,
            processes=self._processes,
            save_every=max(10, self._steps(plan) // 10),
            on_progress=self._tell(stage),
            should_stop=self._should_stop,
            validate=partial(self._validation.score, most=cases),
            validate_every=ceil(self._steps(plan) / recipe.validations),
            patience=recipe.patience,
        )
        best = best_weights(self._work / stage)
        if best is not None:
            model.load_state_dict(best, strict=False)
        return model, outcome

    def _plan(self, recipe: Recipe) -> Plan:
        return plan_of(recipe, self._tasks, self._pad)

    def _steps(self, plan: Plan) -> int:
        return steps_of(len(plan), self._processes)

    def _fresh(self, recipe: Recipe, method: Contestant) -> nn.Module:
        model = AutoModelForCausalLM.from_pretrained(self._ground, dtype=torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return lora.adapt(model, recipe) if method == "lora" else full.adapt(model, recipe)

    def _read_back(self, method: Contestant, folder: Path) -> nn.Module:
        if method == "full":
            model: nn.Module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        else:
            base = AutoModelForCausalLM.from_pretrained(self._base.folder, dtype=torch.float32)
            model = lora.read(base, folder)
        return model.eval()

    @property
    def _validation(self) -> Validation:
        return Validation(self._tasks, self._tokenizer.eos_token_id, self._pad, self._recipe.batch_tokens)

    @property
    def _pad(self) -> int:
        pad: int | None = self._tokenizer.pad_token_id
        return 0 if pad is None else pad

    @property
    def _left_out(self) -> int:
        """Rows that did not fit the context."""
        return sum(task.left_out for task in self._tasks)

    def _tell(self, stage: str) -> OnProgress:
        def tell(progress: Progress) -> None:
            validation = self._validation
            score = None if progress.validation is None else validation.shown(progress.validation)
            self._last = replace(
                progress, stage=stage, validation=score, measure=validation.measure, rows_left_out=self._left_out
            )
            self._meter.tick()
            if self._on_progress is not None:
                self._on_progress(self._last)

        return tell

    def _say(self, stage: str) -> None:
        """A stage without steps of its own."""
        if self._last is not None and self._on_progress is not None:
            self._on_progress(replace(self._last, stage=stage, seconds_left=None))

    def _fit_to_minutes(self) -> Recipe:
        """The recipe with as many epochs as fit its minutes, by a measured speed; measured once, so that a resumed training has
        the same steps."""
        recipe = self._recipe
        if recipe.minutes is None:
            return recipe
        minutes = recipe.minutes
        recipe = self._with_validations_that_fit(recipe, 60 * minutes)
        path = self._work / "epochs.json"
        if not path.exists():
            methods: tuple[Contestant, ...] = ("lora", "full")
            if recipe.method != "auto":
                methods = ("lora",) if recipe.method == "lora" else ("full",)
            seconds = {method: self._seconds_per_epoch(recipe, method) for method in methods}
            scoring = self._seconds_of_scoring(recipe)
            each = max(seconds.values()) + (RACE_SHARE * sum(seconds.values()) if len(methods) > 1 else 0.0)
            spent = time.time() - self._began
            left = max(0.1, minutes * 60 * 0.95 - spent - scoring)
            path.write_text(json.dumps(min(recipe.epochs, left / each)))
        return recipe.model_copy(update={"epochs": json.loads(path.read_text())})

    def _with_the_time_left(self, recipe: Recipe, method: Contestant) -> Recipe:
        """After a race: as many epochs of the winner as its own pace allows; measured once, like the epochs."""
        if recipe.minutes is None:
            return recipe
        path = self._work / "epochs-left.json"
        if not path.exists():
            epoch = self._seconds_per_epoch(recipe, method)
            left = recipe.minutes * 60 * 0.95 - (time.time() - self._began) - self._seconds_of_scoring(recipe)
            path.write_text(json.dumps(min(self._recipe.epochs, max(RACE_SHARE * recipe.epochs, left / epoch))))
        return recipe.model_copy(update={"epochs": json.loads(path.read_text())})

    def _with_validations_that_fit(self, recipe: Recipe, seconds: float) -> Recipe:
        """With as many validations as leave the training its share; measured once, like the epochs."""
        path = self._work / "validations.json"
        if not path.exists():
            most = int(SCORING_SHARE * seconds / self._seconds_of_scoring(recipe.model_copy(update={"validations": 1})))
            path.write_text(json.dumps(min(recipe.validations, max(1, most))))
        return recipe.model_copy(update={"validations": json.loads(path.read_text())})

    def _seconds_of_scoring(self, recipe: Recipe) -> float:
        """What all validations of a training will take."""
        return self._seconds_of_a_validation * recipe.validations

    @cached_property
    def _seconds_of_a_validation(self) -> float:
        """By fewer cases than it has, of texts as long as these: the minutes are for training."""
        lengths = [len(row) for task in self._tasks for row in task.validation]
        few = SPEED_TOKENS * len(lengths) // (sum(lengths) * len(self._tasks))
        most = min(SPEED_CASES, max(1, few))
        model = self._fresh(self._recipe, "full")
        began = time.perf_counter()
        self._validation.score(model, most)
        return (time.perf_counter() - began) * self._validation.rows(STEP_CASES) / self._validation.rows(most)

    def _seconds_per_epoch(self, recipe: Recipe, method: Contestant) -> float:
        plan = self._plan(recipe.model_copy(update={"epochs": 1.0}))
        model, schedule = self._fresh(recipe, method), _schedule(recipe, method)
        return self._steps(plan) * seconds_per_step(
            model, plan, schedule, self._work / "speed", SPEED_STEPS, dropout=recipe.dropout, processes=self._processes
        )


def _schedule(recipe: Recipe, method: Contestant) -> Schedule:
    rate = recipe.learning_rate or (lora if method == "lora" else full).LEARNING_RATE
    return Schedule(learning_rate=rate, weight_decay=0.0 if method == "lora" else 0.05)


def _put_in_place(card: Card, part: Path, out_root: Path, base: ModelVersion) -> Path:
    """Under the next free version: a folder appears under its final name only when it is whole."""
    for path in part.iterdir():
        path.chmod(0o644)
    # Three levels down, where the catalog does not look, and on the file system of the final place.
    staged = out_root / PARTS / card.name / card.made.recipe_digest[:16]
    staged.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(staged, ignore_errors=True)
    shutil.move(part, staged)

    digest = model_digest(staged, base.digest if card.method == "lora" else None)

    def write_readme(card: Card) -> None:
        (staged / "README.md").write_text(model_card(card, digest), encoding="utf-8")

    return put_in_place(card, staged, out_root, write=write_readme)[1]
