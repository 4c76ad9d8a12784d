# SPDX-License-Identifier: BSD-3-Clause
"""When a camera's alarm counts: spans of the week, by the machine's local time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(?:([a-z]{3}(?:[-,][a-z]{3})*) +)?(\d\d):(\d\d)-(\d\d):(\d\d)")
_DAY = 24 * 60


@dataclass(frozen=True)
class Span:
    """From minute `begin` of each of `days` (0: Monday) to minute `end`, which is the next day's where it is not later
    than `begin`."""

    days: frozenset[int]
    begin: int
    end: int

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Of "22:00-06:00", "sat,sun 00:00-24:00" or "mon-fri 18:00-07:00". Raises ValueError for anything else."""
        found = _SPAN.fullmatch(text.lower())
        if found is None:
            raise ValueError(
                f'{text!r} is no span; write "mon-fri 18:00-07:00", "sat,sun 00:00-24:00" or "22:00-06:00"'
            )
        begin, end = (60 * int(found[index]) + int(found[index + 1]) for index in (2, 4))
        if max(int(found[3]), int(found[5])) > 59 or begin >= _DAY or end > _DAY:
            raise ValueError(f"{text!r}: times are 00:00 to 24:00")
        return cls(_days(found[1]) if found[1] else frozenset(range(7)), begin, end)

    def holds(self, now: datetime) -> bool:
        """Whether `now` is in it."""
        minute, today = 60 * now.hour + now.minute, now.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        yesterday = (now - timedelta(days=1)).weekday()
        return (today in self.days and minute >= self.begin) or (yesterday in self.days and minute < self.end)


@dataclass(frozen=True)
class Schedule:
    """The `spans` in any of which the alarm counts; without any, always."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Schedule":
        """Of texts as `Span.parse` takes them. Raises as that."""
        return cls(tuple(map(Span.parse, texts)))

    def holds(self, now: datetime) -> bool:
        """Whether the alarm counts at `now`, local time."""
        return not self.spans or any(span.holds(now) for span in self.spans)


ALWAYS = Schedule()


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"{part!r} is no day; the days are {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(days)
