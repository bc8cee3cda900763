"""The requests in work on one network: what the next step computes, and what follows from its logits.

A prompt is read in chunks, as many a step as there is room for, behind what the prefix cache knows of it. Used by one thread
only.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from app.engines.base import Scores, TokenLogprob
from app.engines.embedded.jobs import Generate, Score, Send
from app.engines.embedded.kv import KeyValues
from app.engines.embedded.lookahead import CHEAP_ROWS
from app.engines.embedded.network import Network
from app.engines.embedded.plan import Plan
from app.engines.embedded.prefix import PrefixCache
from app.engines.embedded.row import Row
from app.engines.embedded.sampling import draw, log_probabilities
from app.engines.embedded.scoring import Branch, add_up
from app.engines.embedded.search import Search
from app.errors import Unavailable, VersusError

PARTS = 4  # so many long prompts share a step
GIVE_UP = 4  # a search that has computed one of so many tokens of all labels scores them all instead
MAX_LOGITS = 2**26  # numbers in one step's logits, where a request alone does not need more


class Budget:
    """What one step may still take. The first request is taken whatever it costs: it would never fit otherwise."""

    def __init__(self, tokens: int, logits: int = MAX_LOGITS) -> None:
        self.tokens, self._logits = tokens, logits
        self._untouched = True

    def take(self, *, tokens: int, logits: int = 0) -> bool:
        """Whether it fits; what it costs is gone then."""
        if not self._untouched and (tokens > self.tokens or logits > self._logits):
            return False
        self.tokens -= tokens
        self._logits -= logits
        self._untouched = False
        return True


@dataclass(eq=False)
class Reading:
    """A request whose prompt is being read, and then its labels: `done` tokens stand in the cache."""

    job: Generate | Score
    slot: int
    place: int
    done: int
    queue_ms: float
    row: Row | None = None  # of a job that generates
    echo: list[TokenLogprob] = field(default_factory=list)
    branches: deque[Branch] = field(default_factory=deque)  # labels that are still to be scored
    totals: Tensor | None = None  # [labels], float64
    prompt_logits: Tensor | None = None  # [1, vocabulary], those of the prompt's last token
    search: Search | None = None  # for the best label, where only that is wanted

    @property
    def left(self) -> int:
        """Tokens of the prompt that are still to be read."""
        return len(self.job.prompt) - self.done

    @property
    def wants_prompt_logits(self) -> bool:
        return isinstance(self.job, Generate) and self.job.echo and self.job.logprobs is not None


@dataclass
class _Share:
    """What a step computes of one reading: where the logits of its chunks and of its branches begin."""

    reading: Reading
    chunks: list[tuple[int, int, int]] = field(default_factory=list)  # first token, tokens, first logits
    searched: tuple[int, int] | None = None  # first logits, how many
    branches: list[tuple[Branch, int]] = field(default_factory=list)


class Batch:
    """Prompts that are read, rows that generate and labels that are scored, of any variant of one base."""

    def __init__(
        self,
        network: Network,
        *,
        most_rows: int,
        step_tokens: int,
        chunk: int,
        prefixes: PrefixCache,
        send: Send,
        lookahead: bool = True,
    ) -> None:
        self._network, self._send = network, send
        self._most_rows, self._step_tokens, self._chunk = most_rows, max(step_tokens, chunk), chunk
        self._kv, self._company = KeyValues(), network.company
        self._prefixes, self._lookahead = prefixes, lookahead
        self._rows: list[Row] = []
        self._readings: list[Reading] = []

    @property
    def busy(self) -> bool:
        return bool(self._rows or self._readings)

    @property
    def requests(self) -> int:
        """In work."""
        return len(self._rows) + len(self._readings)

    def digests(self) -> set[str]:
        """Versions that something in work uses."""
        jobs = [*(row.job for row in self._rows), *(reading.job for reading in self._readings)]
        return {job.model.digest for job in jobs}

    @property
    def free_rows(self) -> int:
        reading = sum(isinstance(one.job, Generate) and one.job.needs_row for one in self._readings)
        return self._most_rows - len(self._rows) - reading

    @property
    def room(self) -> int:
        """Tokens of new work that the next step can take beside the work that is there, long prompts in parts."""
        return self._step_tokens - sum(min(_cost(reading), self._part) for reading in self._readings)

    @property
    def _part(self) -> int:
        """Tokens of a step that one prompt may take from others that wait."""
        return max(self._chunk, self._step_tokens // PARTS)

    def add_generate(self, job: Generate, slot: int) -> None:
        queue_ms = job.age_ms()
        row = Row(job, slot, queue_ms)
        if job.limit or (job.echo and job.logprobs is not None):
            self._read(job, slot, queue_ms, row)
            return
        if job.echo:
            row.send_echo((), self._send)
        row.finish("length", self._send)

    def add_score(self, job: Score, slot: int) -> None:
        reading = self._read(job, slot, job.age_ms(), None)
        tree = job.tree
        if job.best_by is None:
            self._score_all(reading, job)
        else:
            reading.search = Search(tree.root, tree.end, tree.sizes, job.best_by)
            self._kv.make_room(_reach(job))

    def _score_all(self, reading: Reading, job: Score) -> None:
        """Every label; a search that goes astray ends in this too."""
        reading.search = None
        reading.branches.extend(job.tree.branches)
        reading.totals = torch.zeros(len(job.tree.sizes), dtype=torch.float64)

    def _read(self, job: Generate | Score, slot: int, queue_ms: float, row: Row | None) -> Reading:
        place = self._kv.take(len(job.prompt) + 1)
        reading = Reading(job, slot, place, 0, queue_ms, row)
        if not reading.wants_prompt_logits:
            with torch.inference_mode():
                for layers in self._prefixes.find(job.model.digest, job.prompt):
                    self._kv.write(place, reading.done, layers)
                    reading.done += self._chunk
        self._readings.append(reading)
        self._readings.sort(key=lambda one: one.job.batch)  # stable: in the order of arrival otherwise
        return reading

    def step(self) -> None:
        """One forward pass: a token of every running row, then chunks of prompts and labels as the budget allows."""
        with torch.inference_mode():
            self._drop_cancelled()
            if self.busy:
                self._compute()
            self._drop_done()

    def _compute(self) -> None:
        # 1. The plan: rows first, so that no prompt keeps a running answer waiting.
        plan = Plan(self._kv, self._company)
        planned = self._plan_rows(plan)
        shares = self._share_out(plan)
        # 2. The forward pass: [tokens kept, vocabulary].
        logits = self._network.logits(plan)
        # 3. What follows for each row and each reading.
        for row in self._rows:
            row.length += 1
        drawing = [*planned]
        for share in shares:
            self._follow(share, logits, drawing)
        self._draw(drawing, logits)
        self._draw_ahead(planned, logits)

    def _plan_rows(self, plan: Plan) -> list[tuple[Row, int]]:
        """A token of every running row and, where rows are few, guesses behind it; where the logits of each row begin."""
        spare = max(0, CHEAP_ROWS - len(self._rows)) // max(1, len(self._rows)) if self._lookahead else 0
        for row in self._rows:
            row.look_ahead(spare)
        self._kv.make_room(max((row.length + 1 + len(row.guessed) for row in self._rows), default=0))
        planned = []
        for row in self._rows:
            planned.append((row, len(plan.keep)))
            for ahead, token in enumerate([row.last, *row.guessed]):
                plan.add_row(token, row.length + ahead, row.slot, row.place)
        return planned

    def _share_out(self, plan: Plan) -> list[_Share]:
        """Each reading its part in the order of arrival, what is left over to the first; labels where the prompt is read."""
        free = self._step_tokens
        parts: list[int] = []
        for reading in self._readings:
            parts.append(min(reading.left, self._part, max(0, free)))
            free -= parts[-1]
        for number, reading in enumerate(self._readings):
            more = min(reading.left - parts[number], max(0, free))
            parts[number] += more
            free -= more
        budget = Budget(self._step_tokens)
        shares = [_Share(reading) for reading in self._readings]
        for share, part in zip(shares, parts, strict=True):
            self._take_chunks(plan, share, budget, part)
            if share.reading.search is not None:
                _take_search(plan, share, share.reading.search, budget)
            elif not share.reading.left:
                _take_branches(plan, share, budget)
        return [share for share in shares if share.chunks or share.branches or share.searched]

    def _take_chunks(self, plan: Plan, share: _Share, budget: Budget, most: int) -> None:
        reading = share.reading
        vocabulary, prompt = reading.job.codec.vocabulary, reading.job.prompt
        while reading.left:
            ids = prompt[reading.done : reading.done + self._chunk]
            if len(ids) > most:
                return
            keep = len(ids) if reading.wants_prompt_logits else int(len(ids) == reading.left)
            if not budget.take(tokens=len(ids), logits=keep * vocabulary):
                return
            first = plan.add_chunk(ids, reading.slot, reading.place, before=reading.done, keep=keep)
            share.chunks.append((reading.done, len(ids), first))
            reading.done += len(ids)
            most -= len(ids)

    def _follow(self, share: _Share, logits: Tensor, drawing: list[tuple[Row, int]]) -> None:
        """Take in the logits of a reading's chunks and branches; a prompt that is read begins its answer."""
        reading = share.reading
        job = reading.job
        if reading.wants_prompt_logits:
            for start, count, first in share.chunks:
                self._take_echo(reading, start, logits[first : first + count])
        if share.chunks and not reading.left:
            start, count, first = share.chunks[-1]
            last = first + (count - 1 if reading.wants_prompt_logits else 0)
            self._prefixes.keep(job.model.digest, job.prompt, lambda a, b: self._kv.read(reading.place, a, b))
            if reading.row is not None:
                self._begin(reading, reading.row, last, drawing)
                return
            reading.prompt_logits = logits[last : last + 1].clone()
            if reading.search is not None:
                reading.search.begin(logits[last])
        if isinstance(job, Score) and reading.search is not None:
            if share.searched:
                first, count = share.searched
                reading.search.take(logits[first : first + count])
            if reading.search.found is not None:
                self._tell_best(reading, job, reading.search, reading.search.found)
            elif reading.search.computed * GIVE_UP > cost(job, whole=True):
                self._score_all(reading, job)
        elif isinstance(job, Score):
            for branch, first in share.branches:
                assert reading.prompt_logits is not None
                assert reading.totals is not None
                add_up(reading.prompt_logits, logits[first : first + len(branch.tokens)], branch, reading.totals)
            if not reading.left and not reading.branches:
                self._tell_scores(reading, job)

    def _take_echo(self, reading: Reading, start: int, logits: Tensor) -> None:
        """Log-probabilities of the prompt's tokens that follow the chunk which begins at `start`."""
        job = reading.job
        assert isinstance(job, Generate)
        assert job.logprobs is not None
        following = job.prompt[start + 1 : start + 1 + len(logits)]
        reading.echo += log_probabilities(logits[: len(following)], following, job.logprobs, job.codec)

    def _begin(self, reading: Reading, row: Row, last: int, drawing: list[tuple[Row, int]]) -> None:
        """The prompt is read: it is echoed if asked, and the answer's first token is drawn in this very step."""
        job = row.job
        self._readings.remove(reading)
        row.length, row.place = len(job.prompt), reading.place
        if job.echo:
            first = [TokenLogprob(job.prompt[0], job.codec.token_text(job.prompt[0]), None)] * (job.logprobs is not None)
            row.send_echo([*first, *reading.echo], self._send)
        self._rows.append(row)
        self._rows.sort(key=lambda one: one.place)  # neighbours in the cache attend together
        if job.limit:
            drawing.append((row, last))
        else:
            row.finish("length", self._send)

    def _draw(self, drawing: list[tuple[Row, int]], logits: Tensor) -> None:
        """Draw the next token of each row from the logits at its place."""
        if not drawing:
            return
        rows = [row for row, _ in drawing]
        chosen = logits[[place for _, place in drawing]]
        tokens = draw(self._shaped(rows, chosen), [row.drawer for row in rows])
        for row, token, entry in zip(rows, tokens, _entries(rows, chosen, tokens), strict=True):
            if row.done:
                continue
            try:
                row.accept(token, entry, self._send)
            except VersusError as error:
                row.fail(error, self._send)

    def _draw_ahead(self, planned: Sequence[tuple[Row, int]], logits: Tensor) -> None:
        """Go on where a drawn token is the guessed one: the logits behind it are there already."""
        ahead, going = 0, planned
        while going := [(row, at) for row, at in going if not row.done and row.guessed[ahead : ahead + 1] == [row.last]]:
            ahead += 1
            for row, _ in going:
                row.length += 1
            self._draw([(row, at + ahead) for row, at in going], logits)

    def _shaped(self, rows: Sequence[Row], logits: Tensor) -> Tensor:
        """The logits that tokens are drawn from; a row whose grammar fails ends with that."""
        if not any(row.drawer.shapes for row in rows):
            return logits
        shaped = logits.clone()
        for place, row in enumerate(rows):
            if row.drawer.shapes:
                try:
                    row.drawer.shape(shaped[place])
                except VersusError as error:
                    row.fail(error, self._send)
        return shaped

    def _tell_scores(self, reading: Reading, job: Score) -> None:
        assert reading.totals is not None
        self._tell(reading, job, reading.totals.tolist(), frozenset())

    def _tell_best(self, reading: Reading, job: Score, search: Search, found: int) -> None:
        if math.isfinite(search.known[found]):
            labels = range(len(job.tree.sizes))
            self._tell(reading, job, search.bounds(), frozenset(labels) - search.known.keys())
        else:
            self._tell(reading, job, [math.nan], frozenset())

    def _tell(self, reading: Reading, job: Score, totals: list[float], bounded: frozenset[int]) -> None:
        self._readings.remove(reading)
        self._kv.give_back(reading.place, _reach(job))
        if not all(map(math.isfinite, totals)):
            self._send(job, Unavailable(f"{job.model.id} computed a score that is not a number; load another version."))
            return
        scores = Scores(totals, job.tree.sizes, len(job.prompt), reading.queue_ms, job.age_ms(), bounded)
        self._send(job, scores)

    def _drop_cancelled(self) -> None:
        for reading in [one for one in self._readings if one.job.cancelled]:
            self._readings.remove(reading)
            self._kv.give_back(reading.place, _reach(reading.job))
        for row in self._rows:
            row.done = row.done or row.job.cancelled
        self._drop_done()

    def _drop_done(self) -> None:
        for row in self._rows:
            if row.done:
                self._kv.give_back(row.place, row.length + len(row.guessed))
        self._rows = [row for row in self._rows if not row.done]


def cost(job: Generate | Score, *, whole: bool = False) -> int:
    """Tokens that a request brings into the batch, label tokens included; a search most often takes one way down its tree."""
    if not isinstance(job, Score):
        return len(job.prompt)
    labels = sum(len(branch.tokens) for branch in job.tree.branches)
    return len(job.prompt) + (labels if whole or job.best_by is None else min(labels, job.tree.longest))


def _reach(job: Generate | Score) -> int:
    """Tokens that may be written to the cache before an answer begins."""
    return len(job.prompt) + (job.tree.longest if isinstance(job, Score) else 0)


def _cost(reading: Reading) -> int:
    if reading.search is not None:
        return cost(reading.job) - reading.done
    return reading.left + sum(len(branch.tokens) for branch in reading.branches)


def _take_search(plan: Plan, share: _Share, search: Search, budget: Budget) -> None:
    """The next tokens of a search, once the prompt's logits have told where it begins."""
    reading = share.reading
    if reading.left or share.chunks:
        return
    prompt, vocabulary = len(reading.job.prompt), reading.job.codec.vocabulary
    if not budget.take(tokens=search.wants, logits=search.wants * vocabulary):
        return
    stay, ids, wanted = search.step()
    share.searched = plan.add_chunk(ids, reading.slot, reading.place, before=prompt + stay, keep=wanted), wanted


def _take_branches(plan: Plan, share: _Share, budget: Budget) -> None:
    reading = share.reading
    length, vocabulary = len(reading.job.prompt), reading.job.codec.vocabulary
    while reading.branches:
        branch = reading.branches[0]
        nodes = len(branch.tokens)
        if not budget.take(tokens=nodes, logits=nodes * vocabulary):
            return
        first = plan.add_branch(branch.tokens, branch.depths, reading.slot, reading.place, before=length, mask=branch.mask)
        share.branches.append((reading.branches.popleft(), first))


def _entries(rows: Sequence[Row], logits: Tensor, tokens: list[int]) -> list[TokenLogprob | None]:
    """Log-probabilities for the rows that want some."""
    entries: list[TokenLogprob | None] = [None] * len(rows)
    for i, row in enumerate(rows):
        if row.job.logprobs is not None:
            (entries[i],) = log_probabilities(logits[i : i + 1], tokens[i : i + 1], row.job.logprobs, row.job.codec)
    return entries
