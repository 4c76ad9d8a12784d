# SPDX-License-Identifier: BSD-3-Clause
"""Dataclasses out of JSON: the types of the fields say what the values may be.

Beside bool, str, int and float, `X | None`, tuples and dataclasses: a `Count` is at least 1, an `Offset` at least 0, a
`Whole` any whole number, `Seconds` 0 or more, a plain float more than 0, a `Real` any number; a text may have a
pattern. `OtherNumbers` are the whole numbers under keys that no field has.
"""

import dataclasses
import math
import re
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

Count = Annotated[int, 1]
Offset = Annotated[int, 0]
Whole = Annotated[int, -(2**63)]
Seconds = Annotated[float, 0.0]
Real = Annotated[float, -math.inf]
OtherNumbers = Annotated[tuple[tuple[str, int], ...], "others"]

_T = TypeVar("_T")


def parsed(kind: type[_T], values: Any, key: str = "") -> _T:
    """The dataclass `kind` of the JSON object at `key`; keys without a field are left. Raises ValueError naming the key
    that is missing or wrong."""
    if not isinstance(values, dict):
        raise ValueError(f"{key} is {values!r}, no table")
    types = get_type_hints(kind, include_extras=True)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]

    def value(name: str) -> Any:
        if types[name] == OtherNumbers:
            return tuple((other, int(number)) for other, number in values.items() if _is_other(other, number, names))
        return _value(types[name], values.get(name), f"{key}.{name}" if key else name)

    return kind(**{name: value(name) for name in names})


def collected(kind: type[_T], values: Any, key: str, mistakes: list[str]) -> _T | None:
    """The dataclass `kind` of a table that a person wrote, at `key`. Keys with a default may be left out, and no other
    key may stand there; a `dict[str, dataclass]` is a table of such tables. Each mistake is a line in `mistakes`, those
    of the dataclass's own `mistakes()` too; None where there was any. What a field with `repr=False` holds is shown in
    none of them."""
    if not isinstance(values, dict):
        mistakes.append(f"{key} is no table")
        return None
    before, types, given = len(mistakes), get_type_hints(kind, include_extras=True), {}
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values.keys() - fields.keys():
        mistakes.append(f"{_inside(key, name)}: not known; there are {', '.join(fields)}")
    for name, field in fields.items():
        if name in values:
            given[name] = _collected(types[name], values[name], _inside(key, name), field.repr, mistakes)
        elif field.default is field.default_factory is dataclasses.MISSING:
            mistakes.append(f"{_inside(key, name)}: missing")
    if len(mistakes) > before:
        return None
    made = kind(**given)
    if hasattr(made, "mistakes"):
        mistakes += [_inside(key, mistake) for mistake in made.mistakes()]
    return made if len(mistakes) == before else None


def _collected(kind: Any, value: Any, key: str, shown: bool, mistakes: list[str]) -> Any:
    """The value at `key` of a table that a person wrote."""
    if get_origin(kind) in (UnionType, Union):
        kind = get_args(kind)[0]
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return collected(kind, value, key, mistakes)
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            mistakes.append(f"{key} is no table")
            return {}
        inner = get_args(kind)[1]
        return {name: _collected(inner, entry, _inside(key, name), shown, mistakes) for name, entry in value.items()}
    try:
        return _value(kind, value, key)
    except ValueError as error:
        mistakes.append(str(error) if shown else f"{key}: not of the right type")
        return None


def _inside(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _is_other(key: str, value: Any, names: list[str]) -> bool:
    return key not in names and isinstance(value, int)


def _value(kind: Any, value: Any, key: str) -> Any:
    """The JSON value at `key` as a `kind`. Raises ValueError naming the key."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return parsed(kind, value, key)
    limit: Any = None
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return None if value is None else _value(arguments[0], value, key)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{key} is {value!r}, no list")
        return tuple(_value(arguments[0], entry, f"{key}[{index}]") for index, entry in enumerate(value))
    if origin is Annotated:
        kind, limit = arguments
    return _SCALARS[kind](value, limit, key)


def _integer(value: Any, least: int, key: str) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{key} is {value!r}, no number from {least} on")
    return value


def _number(value: Any, least: float | None, key: str) -> float:
    if least == -math.inf and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if type(value) not in (int, float) or not (0 < value < math.inf or value == least):
        raise ValueError(f"{key} is {value!r}, no positive number{' or 0' if least == 0 else ''}")
    return float(value)


def _text(value: Any, pattern: str | None, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is {value!r}, no text")
    if pattern and not re.fullmatch(pattern, value):
        raise ValueError(f"{key} is {value!r}, no number in hexadecimal ({pattern})")
    return value


def _truth(value: Any, _: None, key: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}, neither true nor false")
    return value


_SCALARS: dict[Any, Any] = {int: _integer, float: _number, str: _text, bool: _truth}
