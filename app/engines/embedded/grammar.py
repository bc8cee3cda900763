"""Answers that must be JSON, satisfy a schema, or be one of some texts: which tokens may come next, by llguidance."""

import json

import torch
from llguidance import LLMatcher, LLTokenizer
from torch import Tensor

from app.engines.base import Grammar
from app.errors import InvalidRequest, Unprocessable

# One way to write JSON, the usual one: a model that may choose its white space may never come to an end.
STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Constraint:
    """The state of one answer. Raises InvalidRequest for a grammar that is wrong, or that nothing satisfies."""

    def __init__(self, grammar: Grammar, tokenizer: LLTokenizer) -> None:
        self._matcher = LLMatcher(tokenizer, _compiled(grammar), log_level=0)
        if error := self._matcher.get_error():
            raise _bad(grammar, error.splitlines()[0])
        # References that lead in a circle are found out only when the first token is asked for.
        self._matcher.compute_bitmask()
        if self._matcher.is_error() or self._matcher.is_stopped():
            raise _bad(grammar, "nothing satisfies it")

    def allowed(self) -> Tensor:
        """[vocabulary] of truth values. Raises Unprocessable when the grammar is too much work."""
        mask = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8) > 0
        self._check()
        return mask

    def took(self, token: int) -> None:
        """The answer goes on with `token`, one of those allowed. Raises as `allowed` does."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if error := self._matcher.get_error():
            raise Unprocessable(f"The grammar cannot be followed here ({error.splitlines()[0]}); make it simpler.")

    @property
    def complete(self) -> bool:
        """Nothing can follow any more."""
        return self._matcher.is_stopped()


def _compiled(grammar: Grammar) -> str:
    if grammar.kind == "choice":
        return LLMatcher.grammar_from_lark("start: " + " | ".join(json.dumps(text) for text in json.loads(grammar.rule)))
    schema = {"type": "object"} if grammar.kind == "json_object" else json.loads(grammar.rule)
    try:
        return LLMatcher.grammar_from_json_schema(schema, overrides=STYLE)  # type: ignore[arg-type]
    except ValueError as error:
        raise _bad(grammar, str(error)) from error


def _bad(grammar: Grammar, reason: str) -> InvalidRequest:
    what = "choice" if grammar.kind == "choice" else "response_format"
    return InvalidRequest(f"The {what} cannot be used: {reason}.", param=what)
