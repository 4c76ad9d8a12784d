# SPDX-License-Identifier: BSD-3-Clause
"""Events as sentences for whoever watches the terminal, or reads the journal."""

from dataclasses import dataclass

from shiftcore.driver.events import Event
from shiftcore.driver.sinks.sink import Place, Sink
from shiftcore.driver.sources.source import Say


@dataclass(frozen=True)
class SaidSettings:
    """Each event is a line of what the run says."""

    def open(self, place: Place) -> Sink:
        """The sink."""
        return _Said(place.say)


class _Said(Sink):
    def __init__(self, say: Say) -> None:
        self._say = say

    def publish(self, event: Event) -> None:
        if event["kind"] == "alarm":
            what = "ALARM" if event["event"] == "begin" else "alarm ended"
            self._say(
                f"{event['source']} at {event['seconds']:.2f} s: {what}: {event['class']}, score {event['score']:.2f}"
            )
        elif event["class"] != "lost":  # of which its source says more
            self._say(f"{event['camera']}: picture {event['class']}{'' if event['event'] == 'begin' else ': no more'}")
