"""What waits for a lane, and in which order it is taken: interactive before batch, and the variant that was served least first.

Each variant has a count of the tokens that were computed for it, and the next request is one of the variant with the lowest
count; who comes after a pause starts level with those who wait, or who were served last (Y. Sheng et al., "Fairness in Serving
Large Language Models", OSDI 2024). So one variant's flood keeps no other waiting.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

from app.engines.embedded.batch import cost
from app.engines.embedded.jobs import Generate, Job, Score


class Waiting:
    """Used under its lane's lock. Iterates in the order of arrival."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._served: dict[str, int] = {}  # tokens by digest
        self._level = 0  # the highest of these: where who comes to an empty queue begins
        self.requests = 0
        self.tokens = 0  # of those requests

    def __iter__(self) -> Iterator[Job]:
        return iter([*self._jobs])

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def __contains__(self, job: Job) -> bool:
        return job in self._jobs

    def add(self, job: Job) -> None:
        if isinstance(job, Generate | Score):
            digest = job.model.digest
            others = [self._served[one.model.digest] for one in self._jobs if isinstance(one, Generate | Score)]
            self._served[digest] = max(self._served.get(digest, 0), min(others, default=self._level))
            self.requests += 1
            self.tokens += cost(job)
        self._jobs.append(job)

    def remove(self, job: Job) -> None:
        self._jobs.remove(job)
        if isinstance(job, Generate | Score):
            self.requests -= 1
            self.tokens -= cost(job)

    def take(self, job: Job) -> None:
        """Remove a job that begins; its tokens count for its variant."""
        self.remove(job)
        if isinstance(job, Generate | Score):
            self._served[job.model.digest] += cost(job)
            self._level = max(self._level, self._served[job.model.digest])

    def clear(self) -> list[Job]:
        left = [*self._jobs]
        for job in left:
            self.remove(job)
        return left

    def in_turn(self, ready: Sequence[Generate | Score]) -> Iterator[Generate | Score]:
        """`ready`, in the order of arrival, as they are to begin. Take each before the next is asked for, or let it wait."""
        lines: dict[tuple[bool, str], deque[tuple[int, Generate | Score]]] = defaultdict(deque)
        for place, job in enumerate(ready):
            lines[job.batch, job.model.digest].append((place, job))
        while lines:
            # Of equals the one that came first.
            line = min(lines, key=lambda one: (one[0], self._served[one[1]], lines[one][0][0]))
            _, job = lines[line].popleft()
            if not lines[line]:
                del lines[line]
            yield job
