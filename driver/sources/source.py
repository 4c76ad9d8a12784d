# SPDX-License-Identifier: BSD-3-Clause
"""What a source of images is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shiftcore.model.sampling import RGB, Wanted

Say = Callable[[str], None]
Seen = tuple[np.ndarray, np.ndarray | None]  # `pixels` and `shown` of an image
Pixels = Callable[[], Seen | None]  # converts a frame, which takes time; None where it turns out damaged
Stamped = tuple[float | None, Pixels]  # a frame's own time in seconds, where it has one


class Mode(NamedTuple):
    """What a camera of this machine is asked for: the picture's `size`, width and height, and its `rate`, pictures a
    second; () and None leave it as it is. It gives what is nearest to that."""

    size: tuple[int, ...] = ()
    rate: int | None = None


AS_IT_IS = Mode()


class Image(NamedTuple):
    """A frame. `pixels`: uint8 luma `[H, W]` or RGB `[H, W, 3]`, as the source was told; `seconds`: its time in its
    clip's, never less than the one before; `number`: its place in the video, from 0; `first`: nothing connects it to
    the frame before (a file's first; a camera's after a loss); `shown`: the same in RGB for people, None where nobody
    wants to see it."""

    pixels: np.ndarray
    seconds: float
    number: int
    source: str
    first: bool
    shown: np.ndarray | None = None


class Source:
    """Images of one camera, or of files one after another. `name` shows no password. `done`: no more will come;
    `dropped`: images that came faster than they were taken; `problems`: how many lines were said about damage or loss
    that cost images."""

    live = False

    def __init__(self, name: str, rate: int | None, say: Say, wanted: Wanted = RGB) -> None:
        self.name, self.done = name, False
        self.dropped = self.problems = 0
        self._refused = ""
        self._rate, self._say, self._wanted = rate, say, wanted

    @property
    def interrupted(self) -> bool:
        """Nothing follows the last image that was taken: there are no more, or the camera is lost for now."""
        return self.done

    def take(self) -> Image | None:
        """The next image; None when there is none now (a live source), or none any more."""
        raise NotImplementedError

    def refuse(self, problem: str) -> None:
        """Say what is wrong with its last image. The rest of that file is left out; of a camera others may follow, as
        when someone sets it right, so it is told once."""
        if problem != self._refused:
            self._refused = problem
            self._complain(problem)

    def stop(self) -> None:
        """Give no more images. Returns at once; a signal's handler may call it."""
        self.done = True

    def close(self) -> None:
        """Stop, and let go of files and cameras."""
        self.stop()

    def _complain(self, problem: str) -> None:
        self.problems += 1
        self._say(problem)
