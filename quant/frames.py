# SPDX-License-Identifier: BSD-3-Clause
"""Decoded frames, kept on disk: a video is decoded and shrunk once for each size, and mapped into memory from then on.

An entry is known by the video's content and by what was made of it, so it never goes stale; it counts as there when it
is whole, so neither an interruption nor a second run beside this one can leave half of one. `make clean` removes all.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shiftcore.artifacts import atomic_file, build_folder, digest
from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.preprocess import pixel_aspect, to_input
from shiftcore.model.sampling import Wanted
from shiftcore.quant.side_by_side import bound_pool, cores

States = tuple[tuple[str, int, int, int, int, int], ...]  # of a video's files

DECODING = "4"  # changes whenever model.video or model.preprocess make other bytes of a video


def work_folder() -> Path:
    """Where decoded frames are kept."""
    return build_folder() / "frames"


class Frames(NamedTuple):
    """The frames kept of one video. `times`: seconds since the video's first, float64 `[F]`; `shape` of their pixels:
    luma `[F, H, W]` or RGB `[F, H, W, 3]`, bytes in the file `raw`."""

    times: np.ndarray
    raw: Path
    shape: tuple[int, ...]

    @property
    def pixels(self) -> np.ndarray:
        """The pixels, uint8, on disk until they are touched. Mapped anew each time: a process may hold 65,530 mappings,
        and data may have more videos."""
        return np.memmap(self.raw, np.uint8, "r", shape=self.shape)


@dataclass(frozen=True)
class Kept:
    """What is kept of a video: `rate` frames a second (model.sampling; None: all), each cropped and shrunk to `height`
    x `width` as the network sees it, in colour or its luma. With `margin` the whole picture is kept instead, so large
    that its centre has `margin` times that size; but never enlarged."""

    height: int
    width: int
    colour: bool
    rate: int | None = None
    margin: float | None = None

    def size(self, pixels: np.ndarray) -> tuple[int, int]:
        """Rows and columns of what is kept of a frame, uint8 `[H, W]` or `[H, W, 3]`, in square pixels. It is smaller
        than that where the network's input is larger than the picture."""
        return self._whole(pixels) if self.margin else (self.height, self.width)

    def _whole(self, pixels: np.ndarray) -> tuple[int, int]:
        """Rows and columns that keep the whole picture."""
        aspect = pixel_aspect(pixels)
        tall = pixels.shape[0] / max(aspect, 1)  # in square pixels, as large as neither side is enlarged
        wide = pixels.shape[1] * min(aspect, 1)
        factor = min(1.0, float(self.margin or 1) / min(tall / self.height, wide / self.width))
        rows, columns = min(int(tall), round(tall * factor)), min(int(wide), round(wide * factor))
        return max(self.height, rows), max(self.width, columns)


_found: dict[tuple[Path, Path, Kept, States], Frames] = {}  # what `load` gave


def load(path: Path, kept: Kept) -> Frames:
    """What is `kept` of the video at `path`, from the cache or else decoded into it. A command looks for it once, as
    long as the file stays the one it was. Raises as `model.video.timed`, UserError for frames smaller than what is
    kept, and OSError where the disk is full."""
    key = (work_folder(), path, kept, _states(path))
    if key not in _found:
        _found[key] = _read(path, kept)
    return _found[key]


def _read(path: Path, kept: Kept) -> Frames:
    entry = work_folder() / digest(content(path), repr(kept), DECODING)
    raw, index = entry.with_suffix(".raw"), entry.with_suffix(".npz")
    if not index.is_file():
        _decode(path, kept, raw, index)
    with np.load(index) as stored:
        return Frames(stored["times"], raw, tuple(stored["shape"].tolist()))


def content(path: Path) -> str:
    """The digest of the video at `path`. A command computes it once, as long as the file stays the one it was."""
    return _content(path, _states(path))


def _states(path: Path) -> States:
    """Changes whenever a file of the video is written, replaced or renamed: nobody can set its time of change
    (ctime)."""
    parts = sorted(path.iterdir()) if path.is_dir() else [path]
    return tuple(
        (part.name, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        for part in parts
        for about in [part.stat()]
    )


@cache
def _content(path: Path, _states: States) -> str:
    return digest(path)


def fill(paths: Sequence[Path], kept: Kept) -> Iterator[None]:
    """Bring the videos at `paths` into the cache, as many at a time as there are cores; a step of the iterator for
    each. What cannot be read is left for `load` to refuse."""
    # Threads take turns at Python; of many cores that leaves most idle. A copy of this process uses no library that
    # has threads in it already, so that it may be forked.
    pool: Executor = bound_pool(len(cores()), "fork") if len(cores()) > 2 else ThreadPoolExecutor(len(cores()))
    try:
        for path, found in zip(paths, pool.map(partial(_try, kept), paths, chunksize=4), strict=True):
            if found:
                _found[work_folder(), path, kept, _states(path)] = found
            yield
    finally:
        pool.shutdown(cancel_futures=True)


def _try(kept: Kept, path: Path) -> Frames | None:
    try:
        return load(path, kept)
    except UserError:
        return None


def _decode(path: Path, kept: Kept, raw: Path, index: Path) -> None:
    size: tuple[int, int] | None = None
    times: list[float] | None = None
    while times is None:
        size, times = _keep(path, kept, size, raw)
    shape = [len(times), *(size or ()), *([3] if kept.colour else [])]
    with atomic_file(index) as temporary:
        np.savez(temporary, times=np.array(times), shape=np.array(shape))


def _keep(
    path: Path, kept: Kept, size: tuple[int, int] | None, raw: Path
) -> tuple[tuple[int, int] | None, list[float] | None]:
    """Keep each frame in the `size` rows and columns, for None as large as the first; returns that and their times.
    Where the picture becomes too small for it, None instead of times, and the size to begin anew with: whoever crops
    from frames needs one size of them, and none is enlarged."""
    times: list[float] = []
    wanted = Wanted(luma=not kept.colour)
    with atomic_file(raw) as temporary, open(temporary, "wb") as file:
        for frame in video.timed(path, kept.rate, wanted, lambda why: _warn(path, why)):
            own = kept.size(frame.pixels)
            least = (min(size[0], own[0]), min(size[1], own[1])) if size else own
            if size and least != size:
                return least, None
            size = least
            file.write(to_input(frame.pixels, *size).tobytes())
            times.append(frame.seconds)
    return size, times


def _warn(path: Path, why: str) -> None:
    print(f"warning: {path}: {why}", file=sys.stderr)
