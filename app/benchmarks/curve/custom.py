"""The custom arm: a model trained on the labels of a point, asked once, thrown away."""

import asyncio
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from threading import Event
from typing import Any

from app.benchmarks.curve.arms import Kind
from app.benchmarks.curve.cache import Record, key_of
from app.benchmarks.curve.judge import Judge, Labels, Tell
from app.benchmarks.curve.study import Study, rows_digest
from app.benchmarks.runner import Case
from app.catalog.catalog import Catalog, ModelVersion
from app.engines.registry import Engines
from app.inference.questions import trained_question
from app.settings import Settings
from app.training.progress import Progress
from app.training.recipe import CODE, Method, Recipe, TaskRecipe
from app.training.refit import Found

VIEWS = 20_000  # rows that a training looks at, repeats counted ...
FEWEST, MOST = 4.0, 15.0  # ... within so many epochs


class Custom:
    """Trained on a point's labels but those held out, on which its best weights are chosen, as every training is.

    With `found`, of each seed's training, it is the refit of that: trained on all labels of the point, as long as had led to
    those weights, and on nothing else again but what a method reads first."""

    kind: Kind = "custom"

    def __init__(
        self,
        study: Study,
        method: Method,
        base: ModelVersion,
        settings: Settings,
        stop: Event,
        *,
        minutes: float | None,
        options: Mapping[str, Any] | None = None,
        found: Mapping[int, Found] | None = None,
    ) -> None:
        self.name = f"custom ({method})" if found is None else f"custom ({method}, refit)"
        self._found = found
        self._study, self._method, self._base, self._settings = study, method, base, settings
        self._stop, self._minutes, self._options = stop, minutes, dict(options or {})

    def identity(self, size: int, seed: int) -> dict[str, Any]:
        subset = self._study.subset(size, seed)
        # From scratch, no base leaves a trace in the weights.
        base = None if self._method == "scratch" else self._base.digest
        rows = {"train": rows_digest(subset.train), "validation": rows_digest(subset.choose_on)}
        # The rows say what is learned, by whatever name their dataset goes.
        recipe = self._recipe(size, seed).model_dump(mode="json", exclude={"base": True, "tasks": {"__all__": {"dataset"}}})
        long = {} if self._found is None else {"best_epoch": self._found[seed].best_epoch}
        return {"arm": self.kind, "recipe": recipe, "base": base, "code": CODE, **rows, **long}

    async def answer(self, size: int, seed: int, work: Path, tell: Tell) -> tuple[Labels, dict[str, Any]]:
        """Goes on from the last checkpoint in `work`. Raises TrainingStopped, TrainingFailed, and what the engine raises."""
        from app.training.make import make_variant  # brings torch

        subset = self._study.subset(size, seed)
        rows = {self._study.task: {"train": _rows(subset.train), "validation": _rows(subset.choose_on)}}
        # A name that nobody gave: the base is looked up beside it, in the catalog of all models.
        recipe = self._recipe(size, seed).model_copy(update={"name": f"curve-{key_of(self.identity(size, seed))[:16]}"})

        def watch(progress: Progress) -> None:
            tell(progress.step / max(1, progress.steps), _words(progress))

        training = asyncio.create_task(
            asyncio.to_thread(
                make_variant,
                recipe,
                rows,
                self._base,
                work / "models",
                work / "steps",
                on_progress=watch,
                should_stop=self._stop.is_set,
                found=None if self._found is None else self._found[seed],
            )
        )
        try:
            folder = await asyncio.shield(training)
        finally:
            # Whatever ended the waiting: no thread may go on training behind it.
            if not training.done():
                self._stop.set()
                await asyncio.wait({training})
        catalog = Catalog([self._settings.models_dir, self._settings.made_models_dir, work / "models"])
        model = next(version for version in catalog.versions() if version.folder == folder)
        task = model.card.task(self._study.task)
        assert task is not None, "the recipe has this one task"
        question = trained_question(task, task.labels)
        # Engines of its own: nothing of a model that is thrown away outlives it.
        engines = Engines(self._settings)
        try:
            texts = [case.text for case in self._study.test]
            labels = await Judge(engines, self._stop).label(model, question, texts, "sum", tell)
        finally:
            await engines.close()
        made = model.card.made
        return labels, {
            "method": model.card.method,
            "seconds": made.seconds,
            "cpu_seconds": made.cpu_seconds,
            "parameters": model.card.parameters,
            "epochs": made.validation["epochs"],
            "epochs_asked": recipe.epochs,
            "steps": made.validation["steps"],
            "best_step": made.validation["best_step"],
            "best_epoch": made.validation["best_epoch"],
            "rows_left_out": made.validation["rows_left_out"],
            "learned_from": len(subset.train if self._found is None else subset.cases),
            "chosen_on": len(subset.held_out),
            "validation_macro_f1": made.validation[f"{self._study.task}_macro_f1"],
        }

    def _recipe(self, size: int, seed: int) -> Recipe:
        # Few rows are looked at more often; the best of the weights on the way is chosen anyway.
        epochs = min(MOST, max(FEWEST, ceil(VIEWS / size)))
        return Recipe.model_validate(
            {
                "name": "learning-curve",
                "method": self._method,
                "base": self._base.id,
                "tasks": [TaskRecipe(name=self._study.task, dataset=self._study.dataset)],
                "seed": seed,
                "epochs": epochs,
                "minutes": self._minutes,
                **self._options,
                "refit": self._found is not None,
            }
        )


def found_by(training: Record, task: str) -> Found:
    """What a point's training found, from its facts."""
    facts = training.facts
    best_epoch = facts.get("best_epoch")
    if best_epoch is None:  # measured before it was told
        best_epoch = round(facts["epochs"] * facts["best_step"] / facts["steps"], 4)
    told = ("epochs", "steps", "best_step", "rows_left_out")
    return Found(
        method="lora" if facts["method"] == "lora" else "full",
        best_epoch=best_epoch,
        numbers={name: facts[name] for name in told}
        | {"best_epoch": best_epoch, f"{task}_macro_f1": facts["validation_macro_f1"]},
    )


def _rows(cases: tuple[Case, ...]) -> list[tuple[str, str]]:
    return [(case.text, case.gold) for case in cases]


def _words(progress: Progress) -> str:
    score = "" if progress.validation is None else f", validation {progress.validation:.3f}"
    return f"{progress.stage} {progress.step}/{progress.steps}, loss {progress.loss:.3f}{score}"
