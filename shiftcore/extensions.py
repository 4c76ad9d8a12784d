# SPDX-License-Identifier: BSD-3-Clause
"""What other installed packages add to this one, by Python's entry points (docs/extending.md).

A package names it in its pyproject.toml, say `[project.entry-points."shiftcore.boards"] mine = "my_package:BOARD"`.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from shiftcore.errors import UserError

Kind = Literal["presets", "boards", "ops", "semantics", "layouts", "representations", "sinks"]


def found(kind: Kind) -> dict[str, EntryPoint]:
    """The entry points of the group `shiftcore.KIND`, by name, in the names' order."""
    return {point.name: point for point in sorted(entry_points(group=f"shiftcore.{kind}"))}


def load(kind: Kind, name: str) -> Any:
    """What the entry point `name` stands for. Raises UserError, naming its package, where it cannot be imported, and
    KeyError where there is none."""
    point = found(kind)[name]
    try:
        return point.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        package = point.dist.name if point.dist else point.value
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"shiftcore.{kind} {name!r} of package {package}: cannot be imported ({reason})") from error


def load_all(kind: Kind) -> dict[str, Any]:
    """All of them, by name. Raises UserError, naming its package, where one cannot be imported."""
    return {name: load(kind, name) for name in found(kind)}
