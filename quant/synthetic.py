"""The procedural CCTV scene: classes that differ only in the order of time."""

import itertools
from collections.abc import Sequence

# Each event, played forward and backward.
EVENTS = {"door": ("enter", "leave"), "object": ("put", "pick")}


def class_names(events: Sequence[str]) -> list[str]:
    """All combinations of the events' orders: `("door", "object")` gives enter_put, enter_pick, leave_put, ..."""
    return ["_".join(orders) for orders in itertools.product(*(EVENTS[event] for event in events))]
