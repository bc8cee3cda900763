"""An answer in work: its tokens as they are drawn, the text that may go out, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.engines.base import Done, FinishReason, Piece, TokenLogprob
from app.engines.embedded.jobs import Generate, Send
from app.engines.embedded.lookahead import Lookahead
from app.engines.embedded.sampling import Drawer
from app.engines.embedded.text import TextStream
from app.errors import VersusError


@dataclass(eq=False)
class Row:
    """An answer in work."""

    job: Generate
    slot: int
    queue_ms: float
    place: int = -1  # in the cache
    length: int = 0  # tokens there
    tokens: int = 0  # of the answer
    last: int = 0  # the newest token; the next step reads it
    guessed: list[int] = field(default_factory=list)  # tokens that the step in work reads behind it
    ttft_ms: float | None = None
    done: bool = False
    unsent: list[int] = field(default_factory=list)  # tokens that wait for their text
    unsent_logprobs: list[TokenLogprob] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = TextStream(self.job.codec, self.job.sampling.stop)
        self.drawer = Drawer(self.job.sampling, self.job.prompt, self.job.constraint)
        self._lookahead: Lookahead | None = None
        self._said: list[int] = []  # that the lookahead has not seen

    def look_ahead(self, most: int) -> None:
        """Guess at most so many tokens; the last one of an answer is never read."""
        most = min(most, self.job.limit - self.tokens - 1)
        self.guessed = []
        if most <= 0:
            return
        if self._lookahead is None:
            self._lookahead = Lookahead(self.job.prompt)
        for token in self._said:
            self._lookahead.push(token)
        self._said = []
        self.guessed = self._lookahead.guess(most)

    def accept(self, token: int, logprob: TokenLogprob | None, send: Send) -> None:
        """Take the next token: send its text, or find that the answer is complete."""
        self.last = token
        self.tokens += 1
        self.drawer.took(token)
        self._said.append(token)
        self.unsent.append(token)
        if logprob is not None:
            self.unsent_logprobs.append(logprob)
        if self.ttft_ms is None:
            self.ttft_ms = self.job.age_ms()
        reason: FinishReason | None = None
        text = ""
        if token in self.job.codec.ends:
            reason = "stop"
        else:
            text = self.stream.push(token)
            constraint = self.drawer.constraint
            if self.stream.stopped or (constraint is not None and constraint.complete):
                reason = "stop"
            elif self.tokens == self.job.limit:
                reason = "length"
        if reason is not None:
            text += self.stream.finish()
            if self.stream.stopped:
                reason = "stop"
        if text or reason is not None:
            send(self.job, Piece(text, tuple(self.unsent), tuple(self.unsent_logprobs)))
            self.unsent, self.unsent_logprobs = [], []
        if reason is not None:
            self.finish(reason, send)

    def finish(self, reason: FinishReason, send: Send) -> None:
        self.done = True
        total = self.job.age_ms()
        send(self.job, Done(reason, len(self.job.prompt), self.tokens, self.queue_ms, self.ttft_ms, total))

    def fail(self, error: VersusError, send: Send) -> None:
        """End the answer with an error."""
        self.done = True
        send(self.job, error)

    def send_echo(self, logprobs: Sequence[TokenLogprob], send: Send) -> None:
        prompt = self.job.prompt
        send(self.job, Piece(self.job.codec.decode(prompt), tuple(prompt), tuple(logprobs), echoed=True))
