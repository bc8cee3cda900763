"""Fits a training into its minutes: as many epochs and validations as a speed allows that is measured before it begins."""

import json
import time
from functools import cached_property
from pathlib import Path

from app.training.lesson import Lesson, schedule_of
from app.training.pace import seconds_per_step
from app.training.recipe import Contestant, Recipe

RACE_SHARE = 0.1  # of the epochs, for each method of a race
STEP_CASES = 200  # validation rows scored on the way, per task
SPEED_STEPS, SPEED_CASES, SPEED_TOKENS = 5, 60, 2**14  # that are timed; tokens of the cases at most
SCORING_SHARE = 0.4  # of the minutes, for validations: where they would take more there are fewer
USED = 0.95  # of the minutes, by what is planned


class Minutes:
    """Those of a lesson's recipe, from `began` (seconds since the epoch) on. What was measured is kept in `work`: a resumed
    training has the same steps."""

    def __init__(self, lesson: Lesson, work: Path, began: float) -> None:
        self._lesson, self._recipe, self._work, self._began = lesson, lesson.recipe, work, began

    def fitted(self) -> Recipe:
        """The recipe with as many epochs as fit."""
        recipe = self._recipe
        if recipe.minutes is None:
            return recipe
        recipe = self._with_validations_that_fit(recipe, 60 * recipe.minutes)
        path = self._work / "epochs.json"
        if not path.exists():
            methods: tuple[Contestant, ...] = ("lora", "full")
            if recipe.method != "auto":
                methods = ("lora",) if recipe.method == "lora" else ("full",)
            seconds = {method: self._seconds_per_epoch(recipe, method) for method in methods}
            each = self._passes * max(seconds.values()) + (RACE_SHARE * sum(seconds.values()) if len(methods) > 1 else 0.0)
            path.write_text(json.dumps(min(recipe.epochs, max(0.1, self._left(recipe)) / each)))
        return recipe.model_copy(update={"epochs": json.loads(path.read_text())})

    def with_the_time_left(self, recipe: Recipe, method: Contestant) -> Recipe:
        """After a race: as many epochs of the winner as its own pace allows."""
        if recipe.minutes is None:
            return recipe
        path = self._work / "epochs-left.json"
        if not path.exists():
            each = self._passes * self._seconds_per_epoch(recipe, method)
            path.write_text(json.dumps(min(self._recipe.epochs, max(RACE_SHARE * recipe.epochs, self._left(recipe) / each))))
        return recipe.model_copy(update={"epochs": json.loads(path.read_text())})

    @property
    def _passes(self) -> float:
        """What an epoch costs, in passes over the training rows: a refit has as many epochs again, over validation rows too."""
        if not self._recipe.refit:
            return 1.0
        train = sum(len(row) for task in self._lesson.tasks for row in task.train)
        validation = sum(len(row) for task in self._lesson.tasks for row in task.validation)
        return 1 + (train + validation) / train

    def _left(self, recipe: Recipe) -> float:
        """Seconds for the steps of the training."""
        assert recipe.minutes is not None
        return USED * 60 * recipe.minutes - (time.time() - self._began) - self._seconds_of_scoring(recipe)

    def _with_validations_that_fit(self, recipe: Recipe, seconds: float) -> Recipe:
        """With as many validations as leave the training its share."""
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
        tasks, validation = self._lesson.tasks, self._lesson.validation
        lengths = [len(row) for task in tasks for row in task.validation]
        few = SPEED_TOKENS * len(lengths) // (sum(lengths) * len(tasks))
        most = min(SPEED_CASES, max(1, few))
        model = self._lesson.fresh(self._recipe, "full")
        began = time.perf_counter()
        validation.score(model, most)
        return (time.perf_counter() - began) * validation.rows(STEP_CASES) / validation.rows(most)

    def _seconds_per_epoch(self, recipe: Recipe, method: Contestant) -> float:
        plan = self._lesson.plan(recipe.model_copy(update={"epochs": 1.0}))
        return self._lesson.steps(plan) * seconds_per_step(
            self._lesson.fresh(recipe, method),
            plan,
            schedule_of(recipe, method),
            self._work / "speed",
            SPEED_STEPS,
            dropout=recipe.dropout,
            processes=self._lesson.processes,
        )
