"""A query that a route does not know is told, not dropped: a misspelt filter would answer another question."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from app.errors import Unprocessable


async def known_query(request: Request) -> None:
    """Raises Unprocessable for the first name in the query that the route does not have, or whose value no database takes."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = {name for field in _fields(route.dependant) for name in _names(field)}
    for name, value in request.query_params.multi_items():
        if "\0" in value:
            raise Unprocessable(f"{name} holds a NUL character; remove it.", param=name)
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It knows {', '.join(sorted(known)) or 'none'}."
            raise Unprocessable(f"The query has {name!r}, which this route does not know. {hint}", param=name)


def _fields(dependant: Any) -> Iterator[Any]:
    """Of a route, and of all that it depends on."""
    yield from dependant.query_params
    for needed in dependant.dependencies:
        yield from _fields(needed)


def _names(field: Any) -> Iterator[str]:
    """Its name in the query; those of its fields, where it is a model of the whole query."""
    kind = field.field_info.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from (part.alias or name for name, part in kind.model_fields.items())
    yield field.alias
