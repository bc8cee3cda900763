"""What validation rows say of a model while it is trained and when it is done: the score that chooses, and the card's numbers.

Labels are scored by macro-F1, answers that are texts or fields by their likelihood, in bits per answer byte. Several tasks
count the same: the mean of their macro-F1, or of their bits where no task has labels; where kinds are mixed, the mean of
macro-F1 and 2 ** -bits, the likelihood of an answer's byte, which lies between 0 and 1 too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from torch import nn

from app.catalog.cards import TrainedTask
from app.training.calibration import calibrate
from app.training.data import EncodedTask
from app.training.likelihood import BitsPerByte, answer_bits, bits_per_byte
from app.training.score import label_log_likelihoods, quality, quality_of

MACRO_F1, BITS, MIXED = "macro-F1", "bits per answer byte", "mean of macro-F1 and answer-byte likelihood"


@dataclass(frozen=True)
class Validation:
    """Scores a model on the validation rows of `tasks`; `end` and `pad` are the tokenizer's, `batch_tokens` the most tokens of
    answers that are texts, padding included, whose logits are in memory at a time."""

    tasks: Sequence[EncodedTask]
    end: int
    pad: int
    batch_tokens: int

    @property
    def measure(self) -> str:
        """What `shown` is called."""
        labelled = {bool(task.labels) for task in self.tasks}
        return MIXED if len(labelled) > 1 else MACRO_F1 if labelled == {True} else BITS

    def score(self, model: nn.Module, most: int) -> float:
        """Higher is better, on at most so many rows of each task."""
        if self.measure == BITS:
            return -fmean(self._bits(model, task, most).value for task in self.tasks)
        return fmean(
            self._macro_f1(model, task, most) if task.labels else 2 ** -self._bits(model, task, most).value
            for task in self.tasks
        )

    def shown(self, score: float) -> float:
        """A score as the measure that it is named by: of bits fewer are better."""
        return -score if self.measure == BITS else score

    def rows(self, most: int) -> int:
        """How many rows are scored."""
        return sum(len(task.some(most)) for task in self.tasks)

    def measured(self, model: nn.Module, most: int) -> tuple[tuple[TrainedTask, ...], dict[str, float]]:
        """The tasks, those of labels with their temperatures; and the numbers of each by the names that a card has for them."""
        tasks: list[TrainedTask] = []
        numbers: dict[str, float] = {}
        for task in self.tasks:
            trained, own = (self._labelled if task.labels else self._written)(model, task, most)
            tasks.append(trained)
            numbers |= {f"{trained.name}_{name}": value for name, value in own.items()}
        return tuple(tasks), numbers

    def _labelled(self, model: nn.Module, task: EncodedTask, most: int) -> tuple[TrainedTask, dict[str, float]]:
        gold = task.gold(most)
        scores = label_log_likelihoods(model, task.cases(most), end=self.end, pad=self.pad)
        found, calibration = quality_of(scores, gold), calibrate(scores, gold)
        return task.task.model_copy(update={"temperature": calibration.temperature}), {
            "accuracy": round(found.accuracy, 4),
            "macro_f1": round(found.macro_f1, 4),
            "cases": found.cases,
            "ece": round(calibration.ece, 4),
            "ece_tempered": round(calibration.ece_tempered, 4),
        }

    def _written(self, model: nn.Module, task: EncodedTask, most: int) -> tuple[TrainedTask, dict[str, float]]:
        found = self._bits(model, task, most)
        numbers: dict[str, float] = {"bits_per_byte": round(found.value, 4), "cases": found.cases}
        if found.low is not None and found.high is not None:
            numbers |= {"bits_per_byte_low": round(found.low, 4), "bits_per_byte_high": round(found.high, 4)}
        return task.task, numbers

    def _macro_f1(self, model: nn.Module, task: EncodedTask, most: int) -> float:
        return quality(model, task.cases(most), task.gold(most), end=self.end, pad=self.pad).macro_f1

    def _bits(self, model: nn.Module, task: EncodedTask, most: int) -> BitsPerByte:
        rows = task.some(most)
        bits = answer_bits(model, rows, pad=self.pad, batch_tokens=self.batch_tokens)
        return bits_per_byte(bits, [row.answer_bytes for row in rows])
