"""One making, step by step, from rows in tokens to a folder that is whole but for its name."""

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from math import ceil
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from app.catalog.cards import Card, Made
from app.catalog.catalog import ModelVersion
from app.errors import Unprocessable
from app.training import full, lora, refit
from app.training.data import Row, words_of
from app.training.dry_run import need_of
from app.training.energy import Meter, Power, energy
from app.training.ground import lay_ground
from app.training.lesson import Lesson, Rows, read_lesson, schedule_of
from app.training.loop import Outcome, best_weights
from app.training.minutes import RACE_SHARE, STEP_CASES, Minutes
from app.training.processes import train
from app.training.progress import OnProgress, Progress
from app.training.recipe import Contestant, Recipe
from app.training.refit import Found
from app.training.room import check_room, free_memory
from app.training.validation import BITS, MACRO_F1
from app.training.watch import ShouldStop

RACE_STEPS = 40  # at least, of each method: fewer tell nothing
RACE_CASES, FINAL_CASES = 200, 1000  # validation rows scored, per task

RACED = {MACRO_F1: "macro_f1", BITS: "bits_per_byte"}  # what a race's number is called in a card; else: score


class Workshop:
    """What one making has at hand: the lesson, the folder it works in, and whom it tells.

    Raises Unprocessable for a base that is an adapter or has learned the rows to choose on, and for rows that teach nothing."""

    def __init__(
        self,
        recipe: Recipe,
        rows_by_task: Rows,
        base: ModelVersion,
        work: Path,
        texts: Sequence[str],
        on_progress: OnProgress | None,
        should_stop: ShouldStop | None,
        power: Power,
        processes: int,
        found: Found | None,
    ) -> None:
        if base.card.method == "lora":
            raise Unprocessable(
                f"{base.id} is an adapter; make the variant from {base.card.parent}, which it stands on", param="base"
            )
        self._datasets = tuple(dict.fromkeys(task.dataset for task in recipe.tasks))
        refit.require_unlearned(base, recipe.method, self._datasets)
        self._recipe, self._base, self._work = recipe, base, work
        self._on_progress, self._should_stop = on_progress, should_stop
        self._rows, self._texts, self._found = rows_by_task, texts, found
        self._context = recipe.context if recipe.method == "scratch" else base.card.context
        self._began = time.time()
        self._power, self._meter = power, Meter(work / "spent.json", processes)
        self._processes = processes
        self._last: Progress | None = None
        self._lesson = self._on(base.folder)  # where rows cannot be learned from, that is told before hours of reading

    def _on(self, ground: Path) -> Lesson:
        """To be learned with the tokenizer and the weights of a folder."""
        return read_lesson(self._recipe, ground, self._rows, self._context, self._processes)

    def check_room(self, out_root: Path) -> None:
        """Raises WontFit."""
        needed = need_of(self._recipe, self._base, self._lesson.tasks, self._texts, self._processes)
        if torch.cuda.is_available():  # each process has a GPU of its own
            needed = replace(needed, memory=needed.each)
            memory: int | None = min(torch.cuda.mem_get_info(gpu)[0] for gpu in range(self._processes))
        else:
            memory = free_memory()
        check_room(needed, out_root, self._work, memory)

    def make(self, digest: str) -> tuple[Card, Path]:
        """Train and write everything but the card's final place."""
        # 1. What the task is learned on.
        own = [text for task in self._recipe.tasks for text in words_of(task.kind, self._rows[task.name]["train"])]
        texts = [*own, *self._texts]
        ground, reading = lay_ground(
            self._recipe, self._base, texts, self._work, self._tell("language"), self._should_stop, self._processes
        )
        if reading is not None:
            self._lesson = self._on(ground)
            self._began = time.time() - reading.seconds  # also where the reading was done before a kill

        # 2. The training that validation judges; after it, where asked for, another on validation rows too.
        part, lesson = self._work / "model", self._lesson
        if self._recipe.refit:
            lesson = self._lesson.with_validation()
            found, parameters = self._refitted(lesson, part)
        else:
            found, parameters = self._trained(part)

        # 3. The card.
        from_nothing = self._recipe.method == "scratch"
        card = Card(
            name=self._recipe.name,
            kind="custom",
            method=self._recipe.method if self._recipe.method != "auto" else found.method,
            domain=self._recipe.domain or self._recipe.name,
            summary=f"Made from {'its own text alone' if from_nothing else self._base.id} for "
            f"{', '.join(task.task.name for task in lesson.tasks)}.",
            licence="" if from_nothing else self._base.card.licence,
            parent=None if from_nothing else self._base.id,
            parent_digest=None if from_nothing else self._base.digest,
            context=self._context,
            parameters=parameters,
            tasks=tuple(
                task.task.model_copy(update={"temperature": found.temperatures.get(task.task.name, 1.0)})
                for task in lesson.tasks
            ),
            sources=() if from_nothing else self._base.card.sources,
            made=Made(
                recipe_digest=digest,
                recipe=self._recipe.model_dump(mode="json", exclude_none=True),
                datasets=tuple(dict.fromkeys([*self._datasets, *self._recipe.texts])),
                created=datetime.now(UTC).replace(microsecond=0),
                seconds=round(found.seconds + (reading.seconds if reading else 0.0), 1),
                processes=self._processes,
                rows={name: hash_of([*splits["train"], *splits["validation"]]) for name, splits in self._rows.items()},
                **energy(self._meter.cpu_seconds, self._meter.gpu_seconds, self._power),
                tokens=found.tokens + (reading.tokens if reading else 0),
                validation=found.numbers,
                refitted_on=(*(() if from_nothing else self._base.card.made.refitted_on), *self._datasets * self._recipe.refit),
            ),
        )
        return card, part

    def _refitted(self, lesson: Lesson, part: Path) -> tuple[Found, int]:
        """Leaves in `part` a model that has learned `lesson`, validation rows and all, in as many epochs as had led to the best
        weights: its last, as no row is left to choose others by. What was found before, once, whatever cuts the refit off."""
        path = self._work / "found.json"
        found = self._found or refit.kept(path)
        if found is None:
            found, _ = self._trained(part)
            refit.keep(found, path)
        shutil.rmtree(self._work / "train", ignore_errors=True)  # room for the checkpoints of this one
        recipe = self._recipe if self._recipe.method != "auto" else self._recipe.for_method(found.method)
        recipe = recipe.model_copy(update={"epochs": found.best_epoch})
        model, outcome = self._train(lesson, recipe, found.method, "refit")
        rows = sum(len(task.train) for task in lesson.tasks)
        both = {
            "numbers": found.numbers | {"refit_rows": rows},
            "seconds": found.seconds + outcome.seconds,
            "tokens": found.tokens + outcome.tokens,
        }
        return found.model_copy(update=both), self._write(model, found.method, part)

    def _trained(self, part: Path) -> tuple[Found, int]:
        """Leaves the model with the best weights in `part`; what validation says of it, and how many parameters it has."""
        minutes = Minutes(self._lesson, self._work, self._began)
        recipe = minutes.fitted()
        race: dict[Contestant, float] = {}
        if recipe.method == "auto":
            race = self._race(recipe)
            winner = max(race, key=lambda method: race[method])
            recipe = minutes.with_the_time_left(recipe.for_method(winner), winner)
        method: Contestant = "lora" if recipe.method == "lora" else "full"
        model, outcome = self._train(self._lesson, recipe, method, "train", STEP_CASES)
        parameters = self._write(model, method, part)
        # What is measured is read back from the disk, as it will be served.
        self._say("measure")
        validation, plan = self._lesson.validation, self._lesson.plan(recipe)
        tasks, numbers = validation.measured(self._read_back(method, part), FINAL_CASES)
        raced = RACED.get(validation.measure, "score")
        best_step = outcome.best_step or outcome.steps
        best_epoch = recipe.epochs * best_step / self._lesson.steps(plan)  # of the steps planned: patience may have ended it
        return Found(
            method=method,
            best_epoch=best_epoch,
            temperatures={task.name: task.temperature for task in tasks},
            numbers={
                **numbers,
                **{f"race_{name}_{raced}": round(validation.shown(value), 4) for name, value in race.items()},
                "best_step": best_step,
                "steps": outcome.steps,
                "epochs": round(recipe.epochs, 2),  # as many as the minutes allowed
                "best_epoch": round(best_epoch, 4),
                "rows_left_out": self._lesson.left_out,
                "padding": round(plan.padding, 4),  # share of the tokens of the steps
            },
            seconds=outcome.seconds,
            tokens=outcome.tokens,
        ), parameters

    def _race(self, recipe: Recipe) -> dict[Contestant, float]:
        """Each method for a short while, with a schedule of that length; the score on validation."""
        path = self._work / "race.json"
        found: dict[Contestant, float] = json.loads(path.read_text()) if path.exists() else {}
        methods: tuple[Contestant, ...] = ("lora", "full")
        for method in methods:
            if method not in found:
                share = min(1.0, max(RACE_SHARE, RACE_STEPS / self._lesson.steps(self._lesson.plan(recipe))))
                short = recipe.for_method(method, share).model_copy(update={"validations": 1})
                _, outcome = self._train(self._lesson, short, method, f"race-{method}", RACE_CASES)
                assert outcome.best is not None, "it validates once"
                found[method] = outcome.best
                path.write_text(json.dumps(found))
                shutil.rmtree(self._work / f"race-{method}", ignore_errors=True)
        return found

    def _train(
        self, lesson: Lesson, recipe: Recipe, method: Contestant, stage: str, cases: int = 0
    ) -> tuple[nn.Module, Outcome]:
        """The model with its best weights by so many validation rows of each task; by none, with its last."""
        plan = lesson.plan(recipe)
        steps = lesson.steps(plan)
        model = lesson.fresh(recipe, method)
        outcome = train(
            model,
            plan,
            schedule_of(recipe, method),
            self._work / stage,
            seed=recipe.seed,
            dropout=recipe.dropout,
            processes=self._processes,
            save_every=max(10, steps // 10),
            on_progress=self._tell(stage),
            should_stop=self._should_stop,
            validate=partial(lesson.validation.score, most=cases) if cases else None,
            validate_every=ceil(steps / recipe.validations),
            patience=recipe.patience,
        )
        best = best_weights(self._work / stage)
        if best is not None:
            model.load_state_dict(best, strict=False)
        return model, outcome

    def _write(self, model: nn.Module, method: Contestant, folder: Path) -> int:
        """In the layout by which it is served; how many parameters it has."""
        shutil.rmtree(folder, ignore_errors=True)
        if method == "lora":
            lora.save(model, folder, self._base.id)
        else:
            full.save(model, folder, self._lesson.tokenizer)
        return sum(weight.numel() for weight in model.parameters())

    def _read_back(self, method: Contestant, folder: Path) -> nn.Module:
        if method == "full":
            model: nn.Module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        else:
            base = AutoModelForCausalLM.from_pretrained(self._base.folder, dtype=torch.float32)
            model = lora.read(base, folder)
        return model.eval()

    def _tell(self, stage: str) -> OnProgress:
        def tell(progress: Progress) -> None:
            validation = self._lesson.validation
            score = None if progress.validation is None else validation.shown(progress.validation)
            self._last = replace(
                progress, stage=stage, validation=score, measure=validation.measure, rows_left_out=self._lesson.left_out
            )
            self._meter.tick()
            if self._on_progress is not None:
                self._on_progress(self._last)

        return tell

    def _say(self, stage: str) -> None:
        """A stage without steps of its own."""
        if self._last is not None and self._on_progress is not None:
            self._on_progress(replace(self._last, stage=stage, seconds_left=None))


def hash_of(rows: Sequence[Row] | Sequence[str]) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(json.dumps([*rows]).encode()).hexdigest()
