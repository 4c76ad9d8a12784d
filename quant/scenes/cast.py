# SPDX-License-Identifier: BSD-3-Clause
"""Which scenes each class is drawn of, and how often. A new class is an entry of `CLASSES`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shiftcore.quant.scenes import events, fights, ordinary
from shiftcore.quant.scenes.stage import Stage

NEAR, ANY, FAR = (0.8, 2.6), (0.09, 1.05), (0.06, 0.4)
FIGHTS = (0.17, 1.4)


@dataclass(frozen=True)
class Scene:
    """What happens: `acts` puts people on the stage. `share`: how often, beside the others of its class. `sizes`:
    between how many picture heights people are tall. `vehicles`: how many drive by, `least` and `most`; `disturbed`:
    how likely something else moves; `event`: whether people stand by; `place`: where, anywhere by default."""

    acts: Callable[[Stage], None]
    share: float
    sizes: tuple[float, float] = ANY
    vehicles: tuple[int, int] = (0, 0)
    disturbed: float = 0.3
    event: bool = False
    place: str = ""


CLASSES: dict[str, tuple[Scene, ...]] = {
    "fight": (
        Scene(fights.blows, 26, FIGHTS, event=True),
        Scene(fights.grapple, 20, FIGHTS, event=True),
        Scene(fights.brawl, 16, FIGHTS, event=True),
        Scene(fights.beating, 13, FIGHTS, event=True),
        Scene(fights.knocked_down, 8, FIGHTS, event=True),
        Scene(fights.clash, 8, FIGHTS, event=True),
        Scene(fights.wrestle, 5, FIGHTS, event=True),
        Scene(fights.swinging, 4, FIGHTS, event=True),
    ),
    "no_fight": (
        Scene(ordinary.passers_by, 10),
        Scene(ordinary.passers_by, 10, NEAR),
        Scene(ordinary.corridor, 3, (0.15, 1.5), place="corridor"),
        Scene(ordinary.corridor, 2, (0.15, 1.5)),
        Scene(ordinary.conversation, 6),
        Scene(ordinary.at_work, 6),
        Scene(ordinary.at_work, 3, NEAR),
        Scene(ordinary.jostle, 3, (0.3, 1.8)),
        Scene(ordinary.crowd, 4, (0.08, 0.7)),
        Scene(ordinary.lively, 8, (0.12, 1.3)),
        Scene(ordinary.runners, 3, (0.12, 1.5)),
        Scene(ordinary.embrace, 3, (0.15, 1.4)),
        Scene(ordinary.greeting, 3, (0.15, 1.4)),
        Scene(ordinary.throng, 3, (0.12, 0.9)),
        Scene(ordinary.nobody, 5, FAR, (1, 9), place="street"),
        Scene(ordinary.nobody, 5, FAR, (2, 9), place="junction"),
        Scene(ordinary.nobody, 3, (0.3, 1.2), (1, 3)),
        Scene(ordinary.passers_by, 7, FAR, (1, 6), place="street"),
        Scene(ordinary.nobody, 15, disturbed=0.85),
    ),
    "fall": (Scene(events.fall, 1, FIGHTS, event=True),),
    "theft": (Scene(events.theft, 1, FIGHTS),),
    "run_away": (Scene(events.run_away, 1, FIGHTS),),
    "vandalism": (Scene(events.vandalism, 1, FIGHTS, event=True),),
}


def pick(rng: np.random.Generator, name: str) -> Scene:
    """A scene of class `name`."""
    scenes = CLASSES[name]
    shares = np.array([scene.share for scene in scenes], np.float64)
    return scenes[int(rng.choice(len(scenes), p=shares / shares.sum()))]
