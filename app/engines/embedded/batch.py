"""The requests in work on one network: what the next step computes, and what follows from its logits.

Used by one thread only.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.engines.base import Scores, TokenLogprob
from app.engines.embedded.jobs import Generate, Score, Send
from app.engines.embedded.kv import KeyValues
from app.engines.embedded.network import Network, Plan
from app.engines.embedded.row import Row
from app.engines.embedded.sampling import draw, log_probabilities
from app.engines.embedded.scoring import Branch, add_up
from app.errors import Unavailable

MAX_LOGITS = 2**26  # numbers in one step's logits, where a request alone does not need more


class Budget:
    """What one step may still take. The first request is taken whatever it costs: it would never fit otherwise."""

    def __init__(self, tokens: int, rows: int) -> None:
        self._tokens, self._logits = tokens, MAX_LOGITS
        self._untouched = True
        self.rows = rows

    def take(self, *, tokens: int, logits: int) -> bool:
        """Whether it fits; what it costs is gone then."""
        if not self._untouched and (tokens > self._tokens or logits > self._logits):
            return False
        self._tokens -= tokens
        self._logits -= logits
        self._untouched = False
        return True


@dataclass(eq=False)
class Scoring:
    """Labels in work: what the passes that are done have added up, and how many are to come."""

    job: Score
    slot: int
    queue_ms: float
    passes: int
    totals: Tensor  # [labels], float64


Pass = tuple[Scoring, tuple[Branch, ...]]  # one prompt with as many branches as a step can take


class Batch:
    """Rows that generate and passes that score, of any variant of one base."""

    def __init__(self, network: Network, *, most_rows: int, step_tokens: int, send: Send) -> None:
        self._network, self._send = network, send
        self._most_rows, self._step_tokens = most_rows, step_tokens
        self._kv = KeyValues()
        self._rows: list[Row] = []
        self._new: list[Row] = []  # admitted, prompt not computed yet
        self._passes: deque[Pass] = deque()

    @property
    def busy(self) -> bool:
        return bool(self._rows or self._new or self._passes)

    def digests(self) -> set[str]:
        """Versions that something in work uses."""
        jobs = [*(row.job for row in [*self._rows, *self._new]), *(scoring.job for scoring, _ in self._passes)]
        return {job.model.digest for job in jobs}

    def budget(self) -> Budget:
        """For what is admitted to the next step, beside the work that is there."""
        budget = Budget(self._step_tokens, self._most_rows - len(self._rows))
        for scoring, branches in self._passes:
            budget.take(**_cost(scoring.job, branches))
        return budget

    def add_generate(self, job: Generate, slot: int) -> None:
        row = Row(job, slot, job.age_ms())
        if job.limit or (job.echo and job.logprobs is not None):
            self._new.append(row)
            return
        if job.echo:
            row.send_echo((), self._send)
        row.finish("length", self._send)

    def add_score(self, job: Score, slot: int) -> None:
        passes = [*_passes(job, self._step_tokens)]
        totals = torch.zeros(len(job.tree.sizes), dtype=torch.float64)
        scoring = Scoring(job, slot, job.age_ms(), len(passes), totals)
        self._passes.extend((scoring, branches) for branches in passes)

    def step(self) -> None:
        """One forward pass: a token of every running row, the prompts of new ones, and label passes as the budget allows."""
        with torch.inference_mode():
            self._drop_cancelled()
            passes = self._next_passes()
            if self._rows or self._new or passes:
                self._compute(passes)
            self._drop_done()

    def _compute(self, passes: list[Pass]) -> None:
        # 1. The plan: rows first, then prompts, then prompts with their labels.
        plan = Plan(kv=self._kv)
        staying = [row for row in self._new if row.job.needs_row]
        longest = max([*(row.length + 1 for row in self._rows), *(len(row.job.prompt) for row in staying)], default=0)
        self._kv.reserve(len(self._rows) + len(staying), longest)
        places = [plan.add_row(row.last, row.length, row.slot) for row in self._rows]
        firsts = [self._add_prompt(plan, row, staying) for row in self._new]
        labels = [_add_pass(plan, scoring, branches) for scoring, branches in passes]
        # 2. The forward pass: [tokens kept, vocabulary].
        logits = self._network.logits(plan)
        # 3. What follows for each row and each pass.
        for row, first in zip(self._new, firsts, strict=True):
            places.append(first + _kept(row.job) - 1)
            self._echo(row, logits[first:])
        self._advance([*self._rows, *self._new], logits, places)
        for (scoring, branches), starts in zip(passes, labels, strict=True):
            self._count(scoring, branches, starts, logits)
        self._rows += staying
        self._new = []

    def _add_prompt(self, plan: Plan, row: Row, staying: list[Row]) -> int:
        # A row that ends with its first token leaves nothing behind.
        store_row = len(self._rows) + staying.index(row) if row in staying else None
        row.length = len(row.job.prompt)
        return plan.add_prompt(row.job.prompt, row.slot, keep=_kept(row.job), store_row=store_row)

    def _echo(self, row: Row, logits: Tensor) -> None:
        """`logits` begin with those of the prompt's tokens, where they are wanted."""
        job = row.job
        if not job.echo:
            return
        logprobs: list[TokenLogprob] = []
        if job.logprobs is not None:
            first = TokenLogprob(job.prompt[0], job.codec.token_text(job.prompt[0]), None)
            logprobs = [first, *log_probabilities(logits[: len(job.prompt) - 1], job.prompt[1:], job.logprobs, job.codec)]
        row.send_echo(logprobs, self._send)

    def _advance(self, rows: list[Row], logits: Tensor, places: list[int]) -> None:
        """Draw the next token of each row; `places` tells where its logits are."""
        drawing = [(row, place) for row, place in zip(rows, places, strict=True) if row.job.limit]
        if drawing:
            chosen = logits[[place for _, place in drawing]]
            tokens = draw(chosen, [row.drawer for row, _ in drawing])
            entries = _entries([row for row, _ in drawing], chosen, tokens)
            for (row, _), token, entry in zip(drawing, tokens, entries, strict=True):
                row.accept(token, entry, self._send)
        for row in self._new:
            if not row.job.limit:
                row.finish("length", self._send)
        for row in self._rows:
            row.length += 1

    def _count(self, scoring: Scoring, branches: tuple[Branch, ...], firsts: list[int], logits: Tensor) -> None:
        """Add up a pass; after the last one the scores are complete."""
        for branch, first in zip(branches, firsts[1:], strict=True):
            add_up(logits, firsts[0], first, branch, scoring.totals)
        scoring.passes -= 1
        if scoring.passes:
            return
        job = scoring.job
        if not scoring.totals.isfinite().all():
            self._send(job, Unavailable(f"{job.model.id} computed a score that is not a number; load another version."))
            return
        total = job.age_ms()
        self._send(job, Scores(scoring.totals.tolist(), job.tree.sizes, len(job.prompt), scoring.queue_ms, total))

    def _next_passes(self) -> list[Pass]:
        budget = Budget(self._step_tokens, 0)
        for row in self._new:
            budget.take(**_prompt_cost(row.job))
        taken = []
        while self._passes and budget.take(**_cost(self._passes[0][0].job, self._passes[0][1])):
            taken.append(self._passes.popleft())
        return taken

    def _drop_cancelled(self) -> None:
        self._new = [row for row in self._new if not row.job.cancelled]
        self._passes = deque(part for part in self._passes if not part[0].job.cancelled)
        for row in self._rows:
            row.done = row.done or row.job.cancelled
        self._drop_done()

    def _drop_done(self) -> None:
        """Fill the places of rows that are done with the last ones."""
        for place in reversed(range(len(self._rows))):
            if self._rows[place].done:
                last = self._rows.pop()
                if place < len(self._rows):
                    self._kv.move(len(self._rows), place, last.length)
                    self._rows[place] = last
        if not self._rows:
            self._kv.clear()


def admit(job: Generate | Score, budget: Budget) -> bool:
    """Whether the next step has room for the job."""
    if isinstance(job, Score):
        return budget.take(**_cost(job, job.tree.branches))
    fits = budget.take(**_prompt_cost(job))
    budget.rows -= fits and job.needs_row
    return fits


def _kept(job: Generate) -> int:
    """Tokens of the prompt whose logits are wanted."""
    return len(job.prompt) if job.echo and job.logprobs is not None else 1


def _prompt_cost(job: Generate) -> dict[str, int]:
    return {"tokens": len(job.prompt), "logits": _kept(job) * job.codec.vocabulary}


def _cost(job: Score, branches: Sequence[Branch]) -> dict[str, int]:
    nodes = sum(len(branch.tokens) for branch in branches)
    return {"tokens": len(job.prompt) + nodes, "logits": (1 + nodes) * job.codec.vocabulary}


def _passes(job: Score, step_tokens: int) -> Iterator[tuple[Branch, ...]]:
    """The tree's branches in as few steps as they fit in."""
    group: list[Branch] = []
    for branch in job.tree.branches:
        cost = _cost(job, [*group, branch])
        if group and (cost["tokens"] > step_tokens or cost["logits"] > MAX_LOGITS):
            yield tuple(group)
            group = []
        group.append(branch)
    yield tuple(group)


def _add_pass(plan: Plan, scoring: Scoring, branches: tuple[Branch, ...]) -> list[int]:
    """Where the logits of the prompt's last token are, and those of each branch's first."""
    prompt = scoring.job.prompt
    firsts = [plan.add_prompt(prompt, scoring.slot, keep=1)]
    behind = plan.spans[-1]
    for branch in branches:
        positions = [len(prompt) + depth for depth in branch.depths]
        firsts.append(plan.add_branch(branch.tokens, positions, behind, branch.mask))
    return firsts


def _entries(rows: list[Row], logits: Tensor, tokens: list[int]) -> list[TokenLogprob | None]:
    """Log-probabilities for the rows that want some."""
    entries: list[TokenLogprob | None] = [None] * len(rows)
    for i, row in enumerate(rows):
        if row.job.logprobs is not None:
            (entries[i],) = log_probabilities(logits[i : i + 1], tokens[i : i + 1], row.job.logprobs, row.job.codec)
    return entries
