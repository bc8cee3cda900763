"""Answers that must be JSON, satisfy a schema, or be one of some texts: which tokens may come next, by llguidance."""

import json
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer
from torch import Tensor

from app.engines.base import Grammar
from app.errors import InvalidRequest, Unprocessable

# One way to write JSON, the usual one: a model that may choose its white space may never come to an end.
STYLE: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}

# Of JSON Schema, draft 2020-12 and the names that older drafts had. What llguidance does not do of these, it refuses itself.
KNOWN = """
$schema $id $anchor $comment $ref $defs definitions title description default examples deprecated readOnly writeOnly type enum
const properties patternProperties additionalProperties propertyNames required minProperties maxProperties dependentRequired
dependentSchemas items prefixItems additionalItems contains minContains maxContains minItems maxItems uniqueItems minLength
maxLength pattern format contentEncoding contentMediaType minimum maximum exclusiveMinimum exclusiveMaximum multipleOf anyOf
oneOf allOf not if then else unevaluatedItems unevaluatedProperties
"""
KEYWORDS = frozenset(KNOWN.split())


class Constraint:
    """The state of one answer. Raises InvalidRequest for a grammar that is wrong, or that nothing satisfies."""

    def __init__(self, grammar: Grammar, tokenizer: LLTokenizer) -> None:
        self._matcher = LLMatcher(tokenizer, _compiled(grammar), log_level=0)
        if error := self._matcher.get_error():
            raise _bad(grammar, _short(error))
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
            raise Unprocessable(f"The grammar cannot be followed here ({_short(error)}); make it simpler.")

    @property
    def complete(self) -> bool:
        """Nothing can follow any more."""
        return self._matcher.is_stopped()


def _compiled(grammar: Grammar) -> str:
    if grammar.kind == "choice":
        return LLMatcher.grammar_from_lark("start: " + " | ".join(json.dumps(text) for text in json.loads(grammar.rule)))
    schema = {"type": "object"} if grammar.kind == "json_object" else json.loads(grammar.rule)
    if stranger := _stranger(schema):
        raise _bad(grammar, f"there is no keyword {stranger!r} in JSON Schema")
    try:
        return LLMatcher.grammar_from_json_schema(schema, overrides=STYLE)
    except ValueError as error:
        raise _bad(grammar, str(error)) from error


def _stranger(schema: Any) -> str | None:
    """A keyword that nobody knows, which would hold the answer to nothing."""
    if not isinstance(schema, dict):
        return None
    for key, value in schema.items():
        if key not in KEYWORDS:
            return str(key)
        inside: list[Any] = []
        if key in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
            inside = [*value.values()] if isinstance(value, dict) else []
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            inside = value if isinstance(value, list) else []
        elif key in ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"):
            inside = [value]
        for one in inside:
            if found := _stranger(one):
                return found
    return None


def _short(error: str) -> str:
    """Without the parser's state, which follows the error in lines of its own."""
    return " ".join(error.partition("<state>")[0].split())[:300]


def _bad(grammar: Grammar, reason: str) -> InvalidRequest:
    what = "choice" if grammar.kind == "choice" else "response_format"
    return InvalidRequest(f"The {what} cannot be used: {reason}.", param=what)
