"""Fields as a model learns to write them: a JSON schema guessed from rows, and each row as JSON of that one form."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.errors import Unprocessable

MOST_FIELDS = 200  # of one object: a model that names them all in each answer has no room for what they hold
ROOM = 2  # a text may be so many times as long as the longest of the rows, and a list hold so many times as many items
SHORTEST, FEWEST = (
    100,
    10,
)  # characters and items that there is room for in any case: rows of "Ann" and "Bo" allow for "Charles"


def guess_schema(values: Sequence[Any]) -> dict[str, Any]:
    """JSON Schema that all `values` satisfy once they are `arranged`: types as they are met, each field of an object required
    and in the order of its first appearance, and an end to every text, list and number.

    Raises Unprocessable for objects of more than MOST_FIELDS fields.
    """
    kinds = dict.fromkeys(_kind(value) for value in values)
    if "number" in kinds:
        kinds.pop("integer", None)  # a number may be whole
    schema: dict[str, Any] = {"type": [*kinds] if len(kinds) > 1 else next(iter(kinds))}
    if texts := [value for value in values if isinstance(value, str)]:
        schema["maxLength"] = max(SHORTEST, ROOM * max(map(len, texts)))
    if numbers := [value for value in values if _kind(value) in ("integer", "number")]:
        schema["maximum"] = 10 ** (len(str(int(max(map(abs, numbers))))) + 1)
        schema["minimum"] = -schema["maximum"]
    if lists := [value for value in values if isinstance(value, list)]:
        items = [item for one in lists for item in one]
        schema["maxItems"] = max(FEWEST, ROOM * max(map(len, lists))) if items else 0
        if items:
            schema["items"] = guess_schema(items)
    if objects := [value for value in values if isinstance(value, dict)]:
        schema |= _guess_object(objects)
    return schema


def _guess_object(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = [*dict.fromkeys(name for one in objects for name in one)]
    if len(names) > MOST_FIELDS:
        raise Unprocessable(
            f"the fields have {len(names):,} different names, and at most {MOST_FIELDS} can be learned; name what belongs "
            "together alike"
        )
    properties = {name: guess_schema([one.get(name) for one in objects]) for name in names}
    return {"properties": properties, "required": names, "additionalProperties": False}


def arranged(value: Any, schema: dict[str, Any]) -> Any:
    """The same with every field of the schema, in its order; null for one that is not there."""
    if isinstance(value, dict):
        return {name: arranged(value.get(name), part) for name, part in schema["properties"].items()}
    if isinstance(value, list):
        return [arranged(item, schema["items"]) for item in value]
    return value


def written(value: Any) -> str:
    """JSON in the one way that answers under a schema are written: a space after each comma and colon, no other, and no
    exponents."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(name)}: {written(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return json.dumps(value, ensure_ascii=False)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
