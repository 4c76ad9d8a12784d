# SPDX-License-Identifier: BSD-3-Clause
"""Configurations as data: a TOML file, checked against its pydantic model, wrong keys told in one line.

Presets, boards and the register map are read here and nowhere else.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shiftcore import extensions
from shiftcore.errors import UserError


class Table(BaseModel):
    """A TOML table: no key but those it names, and no change after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def with_(self, **changes: Any) -> Self:
        """This table with other values, which are checked as those of a file are; a dict for an inner table changes
        that one's keys alone. Raises UserError naming the table and the first wrong key."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        for name, value in changes.items():
            inner = values.get(name)
            values[name] = inner.with_(**value) if isinstance(inner, Table) and isinstance(value, dict) else value
        return check(type(self), values, type(self).__name__.lower())


Model = TypeVar("Model", bound=BaseModel)


def find(kind: Literal["presets", "boards"], name: str, shipped: Path) -> Path:
    """The TOML file called `name`: one in the folder `shipped`, one that an installed package offers
    (shiftcore.extensions), or any file by its path, which ends in .toml. Raises UserError, naming those there are."""
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"{name}: no such file")
        return Path(name)
    path = shipped / f"{name}.toml"
    if path.is_file():
        return path
    offered = extensions.found(kind)
    if name in offered:
        return Path(str(extensions.load(kind, name)))
    known = ", ".join(sorted([*offered, *(file.stem for file in shipped.glob("*.toml"))]))
    raise UserError(f"{kind[:-1]} {name!r}: not known; the {kind} are {known}, or any TOML file by its path")


def load(model: type[Model], path: Path, **given: Any) -> Model:
    """Read the TOML file at `path` as a `model`; `given` stands in for keys that it leaves out. Raises UserError for
    what is no TOML, and as `check`."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None
    return check(model, {**given, **values}, str(path))


def check(model: type[Model], values: Mapping[str, object], source: str) -> Model:
    """`values` as a `model`. Raises UserError naming `source` and the first wrong key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{source}: {_one_line(error)}") from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    known = "" if first["type"] != "extra_forbidden" else "unknown key"
    message = known or first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where + ': ' if where else ''}{message}{more}"
