"""General tasks that no domain owns: does the custom model still do what the general one could, and where is general better?"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from app.benchmarks.client import ServiceClient
from app.benchmarks.scorecard.asking import Asked, Pair, ask_both
from app.benchmarks.scorecard.judgement import measure_json
from app.benchmarks.scorecard.measured import shares
from app.benchmarks.scorers import Label
from app.benchmarks.statistics import holm
from app.domains import claims_questions, general
from app.domains.hold_out import is_held_out
from app.inference.schemas import Scoring

SCORINGS: tuple[Scoring, ...] = get_args(Scoring)

SEEN_KINDS = 9  # besides all that the general model was never trained on
LONGEST = 1500  # characters of a prompt: what a small context holds


@dataclass(frozen=True)
class Question:
    """One general task's case."""

    kind: str
    example: general.Example

    def body(self, model: str, scoring: Scoring) -> dict[str, Any]:
        return {
            "model": model,
            "input": self.example.text,
            "labels": list(self.example.labels),
            "instruction": self.example.instruction,
            "examples": [{"text": text, "label": label} for text, label in self.example.shots],
            "scoring": scoring,
            "priority": "batch",
        }

    @property
    def length(self) -> int:
        return len(self.example.instruction) + sum(
            map(len, (self.example.text, *self.example.labels, *(part for shot in self.example.shots for part in shot)))
        )


def kinds(seed: int) -> list[str]:
    """All kinds that were held out of the general model's training, and some of the others; none about claims."""
    names = sorted(set(general.kinds()) - set(claims_questions.KINDS))
    held_out = [name for name in names if is_held_out(name)]
    return held_out + random.Random(f"general kinds {seed}").sample(
        [name for name in names if name not in held_out], SEEN_KINDS
    )


def questions(seed: int, split: str, per_kind: int) -> list[Question]:
    """So many of each kind; those of `validation` and of `test` are drawn apart."""
    found = []
    for kind in kinds(seed):
        rng = random.Random(f"generality {seed} {split} {kind}")
        drawn: list[Question] = []
        while len(drawn) < per_kind:
            question = Question(kind, general.example(kind, rng))
            if question.length <= LONGEST:
                drawn.append(question)
        found += drawn
    return found


async def answers(client: ServiceClient, pair: Pair, asked: Sequence[Question], styles: Mapping[str, Scoring]) -> Asked:
    """The labels that both chose, each model asked in its style."""

    async def label(model: str, question: Question) -> Label:
        answer: Label = (await client.classify(question.body(model, styles[model]))).body[0]["label"]
        return answer

    return await ask_both(pair, asked, label)


async def styles(client: ServiceClient, pair: Pair, asked: Sequence[Question]) -> dict[str, Scoring]:
    """Each model's best way to score labels, by accuracy on these (validation) questions; of equals the plainest."""
    right: dict[str, dict[Scoring, int]] = {model: {} for model in pair.models}
    for scoring in SCORINGS:
        told = await answers(client, pair, asked, dict.fromkeys(pair.models, scoring))
        gold = [asked[place].example.label for place in told.kept]
        for model, labels in zip(pair.models, (told.general, told.custom), strict=True):
            right[model][scoring] = sum(label == wanted for label, wanted in zip(labels, gold, strict=True))
    return {model: max(SCORINGS, key=lambda scoring: reached[scoring]) for model, reached in right.items()}


def retained(asked: Sequence[Question], told: Asked, *, margin_points: float) -> dict[str, Any]:
    """Accuracy of both, whether custom is not worse by more than the margin, and the kinds where general is better."""
    by_kind: dict[str, tuple[list[bool], list[bool]]] = defaultdict(lambda: ([], []))
    for place, mine, other in zip(told.kept, told.general, told.custom, strict=True):
        question = asked[place]
        by_kind[question.kind][0].append(mine == question.example.label)
        by_kind[question.kind][1].append(other == question.example.label)
    everything = shares(
        "accuracy on general tasks",
        [right for general_right, _ in by_kind.values() for right in general_right],
        [right for _, custom_right in by_kind.values() for right in custom_right],
    )
    each = [(kind, shares(kind, *pairs)) for kind, pairs in sorted(by_kind.items())]
    adjusted = holm([1.0 if one.p is None else one.p for _, one in each])
    rows = [
        {"kind": kind, "held_out": is_held_out(kind), **asdict(one), "p_holm": p}
        for (kind, one), p in zip(each, adjusted, strict=True)
    ]
    better = [
        row["kind"] for row, (_, one) in zip(rows, each, strict=True) if one.favours == "general" and row["p_holm"] < 0.05
    ]
    d = everything.difference
    state, why = "inconclusive", everything.missing
    if d is not None:
        told_as = f"custom less general {100 * d.estimate:+.1f} points [{100 * d.low:+.1f}, {100 * d.high:+.1f}], n = {d.n:,}"
        if d.low > -margin_points / 100:
            state, why = "retained", f"{told_as}: not worse by more than {margin_points:g} points."
        elif d.high < 0:
            state, why = "lost", f"{told_as}: the general model is better on general tasks."
        else:
            why = f"{told_as}: a loss of more than {margin_points:g} points is not excluded, nor is none."
    return {
        "state": state,
        "why": why,
        "margin_points": margin_points,
        "accuracy": measure_json(everything),
        "kinds": rows,
        "general_better": better,
    }


def not_measured(why: str, margin_points: float) -> dict[str, Any]:
    """The same shape where a model cannot be asked."""
    return {
        "state": "inconclusive",
        "why": why,
        "margin_points": margin_points,
        "accuracy": None,
        "kinds": [],
        "general_better": [],
        "styles": None,
    }
