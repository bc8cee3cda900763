"""A task's own prompt as a Jinja template, held to what always ends: names, plain fields, one level of loops, a few filters.

A template comes from outside, so it is read before it is ever run. Only these parts of the language are there: text, `{{ }}` of
the names below, `{% if %}`, and `{% for %}` over examples, labels or fields, not within another. Nothing calls, joins texts,
multiplies or assigns, and filters do not chain, so the work is linear in what is put in; what comes out has at most MOST_CHARS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.errors import InvalidRequest

MOST_CHARS = 400_000  # of a prompt
MOST_SOURCE_CHARS = 8_000
NAMES = ("instruction", "text", "labels", "fields", "examples")
LISTS = ("labels", "fields", "examples")
OF_EXAMPLE = ("text", "answer")
OF_LOOP = ("index", "first", "last")
FILTERS = ("join", "length", "lower", "trim", "upper")

_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False, cache_size=0
)
# Nodes with nothing to say against them once what stands in them is allowed.
_PLAIN = (nodes.Output, nodes.TemplateData, nodes.Const, nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not)
_COMPARED = ("eq", "ne", "lt", "lteq", "gt", "gteq")


class TemplateRefused(ValueError):
    """A template that is no Jinja or does what it may not; the sentence names the line and what is allowed."""


@dataclass(frozen=True)
class PromptTemplate:
    """A template that was read and found harmless."""

    source: str
    names: frozenset[str]  # of NAMES, those that it shows
    _compiled: Template

    def render(
        self,
        text: str,
        *,
        instruction: str = "",
        labels: Sequence[str] = (),
        fields: Sequence[str] = (),
        examples: Sequence[tuple[str, str]] = (),
    ) -> str:
        """The user turn; `examples` are (text, answer). Raises InvalidRequest over MOST_CHARS."""
        shown = [{"text": example, "answer": answer} for example, answer in examples]
        parts, size = [], 0
        values: Mapping[str, Any] = {
            "instruction": instruction,
            "text": text,
            "labels": list(labels),
            "fields": list(fields),
            "examples": shown,
        }
        try:
            for part in self._compiled.generate(values):
                parts.append(part)
                size += len(part)
                if size > MOST_CHARS:
                    raise InvalidRequest(
                        f"The prompt that the task's template makes has more than {MOST_CHARS:,} characters; show fewer "
                        "examples, or shorten the template.",
                        param="prompt",
                    )
        except (TemplateError, TypeError) as error:
            raise InvalidRequest(f"The task's prompt cannot be made: {error}.", param="prompt") from error
        return "".join(parts)


@lru_cache(maxsize=256)
def read_template(source: str) -> PromptTemplate:
    """Raises TemplateRefused."""
    if len(source) > MOST_SOURCE_CHARS:
        raise TemplateRefused(f"it has {len(source):,} characters, and at most {MOST_SOURCE_CHARS:,} are taken; shorten it")
    names: set[str] = set()
    try:
        for node in _environment.parse(source).body:
            _check(node, {}, names)
        compiled = _environment.from_string(source)
    except TemplateSyntaxError as error:
        raise TemplateRefused(f"line {error.lineno}: {error.message}") from error
    except (RecursionError, SyntaxError, MemoryError):  # the last two are Python's, of what Jinja wrote
        raise TemplateRefused("its parts nest too deep; make it flatter") from None
    if "text" not in names:
        raise TemplateRefused("it never shows {{ text }}, so every case would be asked the same; put it where the text belongs")
    return PromptTemplate(source, frozenset(names), compiled)


def _check(node: nodes.Node, loop: Mapping[str, Sequence[str]], names: set[str]) -> None:
    """Raises TemplateRefused for what may not be; `loop`: names of the loop around it, each with the fields that it has."""
    match node:
        case nodes.Name():
            if node.name not in NAMES and node.name not in loop:
                raise _refused(node, f"there is no {node.name!r}; the names are {', '.join(NAMES)}")
            if node.name == "loop" or loop.get(node.name):
                raise _refused(node, f"say which part of {node.name!r} is meant: {', '.join(loop[node.name])}")
            if node.name not in loop:
                names.add(node.name)
        case nodes.Getattr():
            _check_field(node, loop)
        case nodes.For():
            _check_loop(node, loop, names)
        case nodes.Filter():
            _check_filter(node, loop, names)
        case nodes.Compare():
            for operand in node.ops:
                if operand.op not in _COMPARED:
                    raise _refused(node, "only ==, !=, <, <=, > and >= compare")
            for side in (node.expr, *(operand.expr for operand in node.ops)):
                _check(side, loop, names)
        case _ if isinstance(node, _PLAIN):
            for part in node.iter_child_nodes():
                _check(part, loop, names)
        case _:
            raise _refused(node, f"{_called(node)} is not allowed; a prompt has text, names, if, for and a few filters")


def _check_field(node: nodes.Getattr, loop: Mapping[str, Sequence[str]]) -> None:
    known = loop.get(node.node.name, ()) if isinstance(node.node, nodes.Name) else ()
    if node.attr not in known:
        raise _refused(
            node,
            f"attributes may not be read, but {', '.join(OF_EXAMPLE)} of an example that a loop goes over, and "
            f"{', '.join(f'loop.{name}' for name in OF_LOOP)}",
        )


def _check_loop(node: nodes.For, loop: Mapping[str, Sequence[str]], names: set[str]) -> None:
    if loop:
        raise _refused(node, "a loop may not stand within another")
    if node.recursive or node.test is not None:
        raise _refused(node, "a loop takes no condition and does not repeat itself; put an if inside")
    over, item = node.iter, node.target
    if not isinstance(over, nodes.Name) or over.name not in LISTS or not isinstance(item, nodes.Name):
        raise _refused(node, f"a loop goes over {', '.join(LISTS)} and nothing else, one name at a time")
    if item.name in (*NAMES, "loop"):
        raise _refused(node, f"{item.name!r} is taken; call what the loop goes over by another name")
    names.add(over.name)
    within: dict[str, Sequence[str]] = {item.name: OF_EXAMPLE if over.name == "examples" else (), "loop": OF_LOOP}
    for part in node.body:
        _check(part, within, names)
    for part in node.else_:
        _check(part, {}, names)


def _check_filter(node: nodes.Filter, loop: Mapping[str, Sequence[str]], names: set[str]) -> None:
    if node.name not in FILTERS or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise _refused(node, f"the filter {node.name!r} is not allowed so; there are {', '.join(FILTERS)}")
    if not isinstance(node.node, nodes.Name | nodes.Getattr):
        raise _refused(node, "a filter stands after a name, and not after another filter")
    if loop and isinstance(node.node, nodes.Name) and node.node.name not in loop:
        raise _refused(node, f"within a loop, {node.node.name!r} takes no filter; use it outside")
    if node.name == "join" and not (isinstance(node.node, nodes.Name) and node.node.name in ("labels", "fields")):
        raise _refused(node, "join is for labels and fields themselves")
    if node.name != "join" and node.args:
        raise _refused(node, f"the filter {node.name!r} takes nothing in brackets here")
    if len(node.args) > 1 or any(not isinstance(one, nodes.Const) or not isinstance(one.value, str) for one in node.args):
        raise _refused(node, "join takes one text in quotes")
    _check(node.node, loop, names)


def _called(node: nodes.Node) -> str:
    told: dict[type[nodes.Node], str] = {
        nodes.Call: "a call",
        nodes.Assign: "set",
        nodes.AssignBlock: "set",
        nodes.Macro: "a macro",
        nodes.Test: "a test with is",
        nodes.Getitem: "[..]",
    }
    return next((name for kind, name in told.items() if isinstance(node, kind)), type(node).__name__.lower())


def _refused(node: nodes.Node, why: str) -> TemplateRefused:
    return TemplateRefused(f"line {node.lineno}: {why}")


def checked(source: str) -> str:
    """For a field of a pydantic model: the template as it came. Raises ValueError."""
    read_template(source)
    return source
