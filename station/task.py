# SPDX-License-Identifier: BSD-3-Clause
"""What the boards of a station have learned, and what reviews say in its words."""

from dataclasses import dataclass

from shiftcore.errors import UserError

LONGEST = 80  # characters of a class (shiftcore.station.tables)


@dataclass(frozen=True)
class Task:
    """What the boards' network has learned: its `preset`, and the `classes` that it tells apart, of which the last one
    is the calm one."""

    preset: str = "cctv"
    classes: tuple[str, ...] = ("fight", "no_fight")

    @classmethod
    def parse(cls, preset: str, classes: str) -> "Task":
        """Of a list with commas. Raises UserError where it is none."""
        names = tuple(" ".join(name.split()) for name in classes.split(","))
        good = all(0 < len(name) <= LONGEST and name.isprintable() for name in names)
        if not good or len(set(names)) != len(names) or len(names) < 2:
            raise UserError(f"--classes: {classes!r}: give two names or more, the calm one last: fight,no_fight")
        return cls(preset, names)

    @property
    def calm(self) -> str:
        """The class of what raises no alarm."""
        return self.classes[-1]

    def label(self, label: str, verdict: str, action: str) -> str | None:
        """What an alarm of the class `label` shows, as its review says: an action that is one of the classes is that;
        any other is but a remark. None where nobody knows."""
        if verdict not in ("right", "wrong"):
            return None
        if action in self.classes:
            return action
        return label if verdict == "right" else self.calm
