# SPDX-License-Identifier: BSD-3-Clause
"""Video files, one after another."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from shiftcore.driver.sources.opencv import opencv_file
from shiftcore.driver.sources.programs import ffmpeg_file
from shiftcore.driver.sources.source import Image, Say, Source
from shiftcore.errors import UserError
from shiftcore.model import decoders
from shiftcore.model.sampling import RGB, Frame, Wanted


class Files(Source):
    """The videos at `paths`, in order. What is wrong with one is said after its good frames, and the next begins."""

    def __init__(self, name: str, paths: Iterable[Path], rate: int | None, say: Say, wanted: Wanted = RGB) -> None:
        super().__init__(name, rate, say, wanted)
        self._paths = iter(paths)
        self._images: Iterator[Image] = iter(())

    def take(self) -> Image | None:
        """The next image; None when the last file has ended."""
        while not self.done:
            try:
                image = next(self._images, None)
                if image is not None:
                    return image
            except UserError as error:
                self._complain(str(error))
            path = next(self._paths, None)
            self.done = path is None
            self._images = self._read(path) if path else iter(())
        return None

    def refuse(self, problem: str) -> None:
        """Say what is wrong with this file, and go on with the next."""
        self._complain(problem)
        self._images = iter(())

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._images = iter(())

    def _read(self, path: Path) -> Iterator[Image]:
        for frame in read_file(path, self._rate, self._wanted, lambda why: self._say(f"{path}: {why}")):
            yield Image(frame.pixels, frame.seconds, frame.number, str(path), frame.number == 0, frame.shown)


def read_file(path: Path, rate: int | None, wanted: Wanted, say: Say) -> Iterator[Frame]:
    """What `Sampler(rate)` takes of a file. Raises UserError, naming it, after the good frames of a damaged one."""
    if decoders.pyav().usable:
        from shiftcore.model.video import timed

        return timed(path, rate, wanted, say)
    if decoders.opencv().usable:
        return opencv_file(path, rate, wanted, say)
    return ffmpeg_file(path, rate, wanted, say)
