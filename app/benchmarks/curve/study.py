"""What a learning curve is made of: the task, its labels to learn from, its test, and the points that are measured."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from app.benchmarks.curve.subsets import Subset, nested_order, subset
from app.benchmarks.runner import Case, sample
from app.catalog.templates import read_template
from app.errors import InvalidRequest
from app.inference.labels import Question
from app.inference.questions import open_question

CODE = 1  # raise it when the same point would come to other answers

LEAST = 2  # labels: one of each of two classes


@dataclass(frozen=True)
class Study:
    """`pool` is every labelled case that is not test; `test` is the same for every point. `notes` say what was assumed.

    `validation`: the cases of the pool that the dataset itself sets apart to choose on, where its own split is kept; empty, a
    share of each point's labels is held out instead.
    """

    dataset: str  # name@version
    task: str
    instruction: str
    labels: tuple[str, ...]  # all answers there are
    pool: tuple[Case, ...]
    test: tuple[Case, ...]
    sizes: tuple[int, ...]
    seeds: int
    notes: tuple[str, ...] = ()
    validation: tuple[Case, ...] = ()
    prompt: str | None = None  # a task's own template
    dataset_id: str = ""  # by which cards name it
    _orders: dict[int, list[Case]] = field(default_factory=dict, repr=False, compare=False)

    def order(self, seed: int) -> list[Case]:
        """The pool in the order in which this seed takes labels from it."""
        if seed not in self._orders:
            self._orders[seed] = nested_order(self.pool, seed)
        return self._orders[seed]

    def subset(self, size: int, seed: int) -> Subset:
        if not self.validation:
            return subset(self.order(seed), size)
        apart = {case.id for case in self.validation}
        return Subset(tuple(case for case in self.pool if case.id not in apart), self.validation)

    def missing(self, size: int) -> list[str]:
        """Labels of the task that a point of this size cannot learn; the same for every seed."""
        return self.subset(size, 0).missing(self.labels)

    @property
    def wording(self) -> dict[str, str]:
        """What a model that was not trained is told, besides labels and examples."""
        return {"instruction": self.instruction, **({"prompt": self.prompt} if self.prompt is not None else {})}

    def question(self, examples: Sequence[Case] = ()) -> Question:
        """As a model is asked that was not trained for the task."""
        shown = [(case.text, case.gold) for case in examples]
        template = None if self.prompt is None else read_template(self.prompt)
        return open_question(self.labels, self.instruction, shown, template)

    @property
    def shows_examples(self) -> bool:
        return self.prompt is None or "examples" in read_template(self.prompt).names

    @cached_property
    def identity(self) -> dict[str, object]:
        """What every point's answers depend on."""
        return {"code": CODE, "labels": self.labels, "test": rows_digest(self.test)}


def make_study(
    *,
    dataset: str,
    task: str,
    instruction: str,
    labels: Sequence[str],
    rows: Mapping[str, Sequence[Case]],
    sizes: str,
    seeds: int,
    limit: int | None,
    prompt: str | None = None,
) -> Study:
    """`rows` by split; `sizes` as a person writes them: "50,100,all". Raises InvalidRequest that says what to do."""
    pool, test = (*rows.get("train", ()), *rows.get("validation", ())), tuple(rows.get("test", ()))
    if not test:
        raise InvalidRequest(
            f"Dataset {dataset!r} has no test rows, and a curve needs the same test at every size; add it with a split that "
            "leaves some."
        )
    learnable = len({case.gold for case in pool})
    if learnable < 2:
        raise InvalidRequest(f"Dataset {dataset!r} has {learnable} label(s) to learn from; a curve needs at least 2.")
    if 2 * learnable > len(pool):
        raise InvalidRequest(
            f"Dataset {dataset!r} has {learnable:,} different labels in {len(pool):,} rows: they hardly repeat, so there are "
            "no classes to learn. A curve is for texts with one of a few labels each; name that column in versus data add."
        )
    chosen, notes = parse_sizes(sizes, len(pool))
    tested = tuple(sample(test, limit, 0))
    if len(tested) < len(test):
        notes.append(f"Tested on a stratified sample of {len(tested):,} of {len(test):,} test cases.")
    known = tuple(dict.fromkeys([*labels, *(case.gold for case in (*pool, *test))]))
    if unlearnable := sorted({case.gold for case in tested} - {case.gold for case in pool}):
        notes.append(f"{len(unlearnable):,} labels of the test are in no row to learn from: {', '.join(unlearnable[:5])}.")
    if seeds == 1:
        notes.append("One seed: what the choice of labels and the luck of a training change is in no interval.")
    return Study(dataset, task, instruction, known, pool, tested, chosen, seeds, tuple(notes), prompt=prompt)


def with_own_split(study: Study, validation: Sequence[Case]) -> Study:
    """The same at all labels, with the dataset's own validation to choose on; where it has none, a share of the labels is."""
    return replace(study, sizes=(len(study.pool),), validation=tuple(validation))


def parse_sizes(text: str, pool: int) -> tuple[tuple[int, ...], list[str]]:
    """The sizes in ascending order, and what there is to say about them. Raises InvalidRequest."""
    sizes: set[int] = set()
    too_large: list[int] = []
    for part in filter(None, (part.strip().replace("_", "") for part in text.split(","))):
        if part == "all":
            sizes.add(pool)
            continue
        if not (part.isdecimal() and part.isascii() and len(part) < 10) or int(part) < LEAST:
            raise InvalidRequest(
                f"--sizes are numbers of labels from {LEAST} up, or all, separated by commas like 50,100,all; not {part!r}."
            )
        if int(part) > pool:
            too_large.append(int(part))
        sizes.add(min(int(part), pool))
    if not sizes:
        raise InvalidRequest("--sizes names no size; write numbers of labels like 50,100,all.")
    notes = []
    if too_large:
        asked = ", ".join(f"{size:,}" for size in sorted(set(too_large)))
        notes.append(f"There are {pool:,} labels to learn from, fewer than {asked}: all of them are taken instead.")
    return tuple(sorted(sizes)), notes


def rows_digest(cases: Sequence[Case]) -> str:
    """SHA-256 over texts and labels in order."""
    return hashlib.sha256(json.dumps([[case.text, case.gold] for case in cases]).encode()).hexdigest()
