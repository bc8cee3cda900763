"""The tree of expected failures, each with its HTTP status and a sentence that says what to do next.

VersusError
├── InvalidRequest            400  the request is well-formed but cannot be done
│   └── ContextExceeded       400  the prompt is longer than the model's context
├── NotFound                  404
│   └── UnknownModel          404  lists the near names
├── Conflict                  409  two things want the same name
│   └── InUse                 409  what should be deleted is in use; names the users
├── TooLarge                  413  over a limit that a setting names
├── Unprocessable             422  a field or a file that cannot be read as what it should be
│   └── UnclearColumns        422  which column is what cannot be told with confidence; lists the columns
├── Overloaded                429  the queue is full; carries Retry-After
├── Unavailable               503  not ready yet, or never will be in this configuration
├── DeadlineExceeded          504  took longer than the request allowed
└── SetupError                500  wrong configuration, found at start; the CLI prints it and ends with 2
"""

from collections.abc import Iterable
from difflib import get_close_matches


class VersusError(Exception):
    """An expected failure; `message` is shown to the caller as it is."""

    status = 500
    type = "server_error"
    code = "internal_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def body(self) -> dict[str, dict[str, str | None]]:
        """The OpenAI error shape."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class InvalidRequest(VersusError):
    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class ContextExceeded(InvalidRequest):
    code = "context_length_exceeded"

    def __init__(self, *, tokens: int, context: int, model: str, param: str | None = None) -> None:
        super().__init__(
            f"The prompt has {tokens} tokens and {model} reads at most {context}, its answer included; shorten the prompt "
            "or lower max_tokens.",
            param=param,
        )


class NotFound(VersusError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class UnknownModel(NotFound):
    code = "model_not_found"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=3, cutoff=0.5) or names[:5]
        hint = f"Did you mean {' or '.join(near)}?" if near else "No model is in the catalog."
        super().__init__(f"There is no model named {name!r}. {hint} GET /v1/models lists all.", param="model")


class Conflict(VersusError):
    status = 409
    type = "invalid_request_error"
    code = "conflict"


class InUse(Conflict):
    code = "in_use"

    def __init__(self, model: str, users: Iterable[str]) -> None:
        super().__init__(f"{model} is in use and was not deleted: {'; '.join(users)}. End or change that first.", param="model")


class TooLarge(VersusError):
    status = 413
    type = "invalid_request_error"
    code = "too_large"


class Unprocessable(VersusError):
    status = 422
    type = "invalid_request_error"
    code = "unprocessable"


class UnclearColumns(Unprocessable):
    """`param` is the role that no column has for certain, `choices` what a person could choose, the likeliest first."""

    code = "unclear_columns"

    def __init__(self, message: str, *, param: str, choices: Iterable[str]) -> None:
        super().__init__(message, param=param)
        self.choices = list(choices)


class Overloaded(VersusError):
    status = 429
    type = "rate_limit_error"
    code = "overloaded"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class Unavailable(VersusError):
    status = 503
    code = "unavailable"


class UpstreamFailed(VersusError):
    """Another server, which was asked on the caller's behalf, failed."""

    status = 502
    code = "upstream_failed"


class BrokenWeights(VersusError):
    """A model computed something that is no number."""

    code = "broken_weights"

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} computes log-probabilities that are no numbers: its weights are damaged. Make it anew.")


class DeadlineExceeded(VersusError):
    status = 504
    type = "timeout_error"
    code = "deadline_exceeded"


class SetupError(VersusError):
    code = "setup_error"
