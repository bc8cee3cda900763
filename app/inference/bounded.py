"""A JSON schema with an end to everything that has none, so that every answer under it comes to one."""

from typing import Any

from app.errors import InvalidRequest

MOST_CHARACTERS = 200  # of a string whose schema names no maxLength
MOST_ITEMS = 20  # of a list whose schema names no maxItems
MOST_AT_LEAST = 10_000  # of a minLength or minItems
LARGEST = 10**15  # of a number whose schema names no bounds


def bounded(schema: Any, text: int, *, closed: bool = True) -> Any:
    """The schema with an end to everything that has none, so that every answer comes to one: what is extracted from a text of
    `text` characters is no longer than that, and holds no fields that are not named (where `closed`: a part of an allOf knows
    only some of them). Raises InvalidRequest for a least length that nobody can wait for."""
    if isinstance(schema, list):
        return [bounded(one, text, closed=closed) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
            # Names of fields and listed values are no schemas, whatever they look like.
            told[key] = {name: bounded(one, text) for name, one in value.items()}
        elif key in ("enum", "const", "required", "default", "examples"):
            told[key] = value
        else:
            told[key] = bounded(value, text, closed=key != "allOf")
    if {"enum", "const", "$ref"} & set(told):
        return told
    kinds = told.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds and not {"maxLength", "pattern", "format"} & set(told):
        told["maxLength"] = max(min(text, MOST_CHARACTERS), _at_least(told, "minLength"))
    if "array" in kinds and "maxItems" not in told:
        told["maxItems"] = max(MOST_ITEMS, _at_least(told, "minItems"))
    if {"integer", "number"} & set(kinds):
        _bound_number(told)
    if closed and "object" in kinds and "properties" in told and not {"allOf", "anyOf", "oneOf"} & set(told):
        told.setdefault("additionalProperties", False)
    return told


def _bound_number(told: dict[str, Any]) -> None:
    """Numbers have bounds on both sides, far from one that is given."""
    least = [told[key] for key in ("minimum", "exclusiveMinimum") if _is_number(told.get(key))]
    most = [told[key] for key in ("maximum", "exclusiveMaximum") if _is_number(told.get(key))]
    if not least:
        told["minimum"] = min([-LARGEST, *(int(one) * 2 - LARGEST for one in most)])
    if not most:
        told["maximum"] = max([LARGEST, *(int(one) * 2 + LARGEST for one in least)])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at_least(schema: dict[str, Any], key: str) -> int:
    least = schema.get(key)
    if not isinstance(least, int):
        return 0  # what else it is, the check of the schema refuses
    if least > MOST_AT_LEAST:
        raise InvalidRequest(f"{key} is {least:,}, and no answer is that long; at most {MOST_AT_LEAST:,}.", param="schema")
    return least
