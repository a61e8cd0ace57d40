# SPDX-License-Identifier: GPL-2.0
"""Check results and suites against their JSON schemas, and say in plain words what is wrong."""

from collections.abc import Callable
from typing import Any

import jsonschema

_TYPES = {"string": "a string", "integer": "an int", "number": "a number", "boolean": "true or false",
          "array": "a list", "object": "a table", "null": "null"}
# What a value must be, by the rule that it breaks. A description in the schema is used instead of these.
_MUST_BE: dict[str, Callable[[Any], str]] = {
    "type": lambda types: " or ".join(_TYPES[one] for one in ([types] if isinstance(types, str) else types)),
    "enum": lambda values: f"one of: {', '.join(map(str, values))}",
    "const": "{}".format,
    "minimum": "at least {}".format,
    "minItems": "a list with {} or more values".format,
    "minProperties": "a table with {} or more keys".format,
}
_SHOWN = 80    # characters of a wrong value, which may be the whole file

# jsonschema accepts 4.0 as an integer. Here only ints are integers.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int))


def plain(error: jsonschema.ValidationError) -> tuple[list[str | int], str]:
    """The place that is wrong, as keys and indices from the top, and a message that names its key."""
    path, value, rule, limit = [*error.absolute_path], error.instance, error.validator, error.validator_value
    if rule == "additionalProperties":
        known = error.schema["properties"]
        key = next(key for key in value if key not in known)
        return [*path, key], f"unknown key {key!r}; known: {', '.join(known)}"
    if rule == "required":
        missing = next(key for key in limit if key not in value)
        return path, f"{missing!r} is missing; required: {', '.join(limit)}"
    if rule == "dependentRequired":
        key, missing = next((key, other) for key in limit if key in value for other in limit[key] if other not in value)
        return [*path, key], f"{key!r} requires {missing!r}"
    if "description" not in error.schema and rule not in _MUST_BE:
        return path, error.message
    must = f"must be {error.schema.get('description') or _MUST_BE[rule](limit)}"
    if "propertyNames" in error.absolute_schema_path:
        return [*path, value], f"{value!r} {must}"
    name = next((repr(key) for key in reversed(path) if isinstance(key, str)), "it")
    if path and isinstance(path[-1], int):
        name = f"each of {name}"
    if rule == "uniqueItems":
        found = f"and has {next(one for number, one in enumerate(value) if one in value[:number])!r} twice"
    else:
        shown = repr(value)
        found = f"not {shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}...'}"
    return path, f"{name} {must}, {found}"
