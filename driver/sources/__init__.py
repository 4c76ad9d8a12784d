# SPDX-License-Identifier: BSD-3-Clause
"""Where frames come from: video files, folders of them, network cameras, cameras of this machine.

Frames are what a network takes: luma, uint8 `[H, W]`, or RGB `[H, W, 3]`. PyAV decodes them where it works, else
OpenCV, else FFmpeg's program; cameras of a machine that has a decoder of its own, GStreamer. Luma is the same bytes
from all, everywhere (docs/driver.md). As many frames a second are taken as in training, `rate` (model.sampling), the
first included.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from shiftcore.driver.address import Address
from shiftcore.driver.sources.files import Files
from shiftcore.driver.sources.live import Live
from shiftcore.driver.sources.source import AS_IT_IS, Image, Mode, Say, Source
from shiftcore.driver.sources.tape import Tape
from shiftcore.errors import UserError
from shiftcore.model import decoders
from shiftcore.model.sampling import RGB, Wanted
from shiftcore.model.video_files import find, told

__all__ = [
    "AS_IT_IS",
    "Image",
    "Mode",
    "Say",
    "Source",
    "check_source",
    "check_sources",
    "interleave",
    "is_live",
    "open_source",
    "open_sources",
]


def check_sources(arguments: Sequence[str]) -> None:
    """Raise UserError for what is no source, before any is opened."""
    decoders.need_one()
    for argument in arguments:
        check_source(argument)


def open_sources(arguments: Sequence[str], rate: int | None, say: Say, wanted: Wanted = RGB) -> list[Source]:
    """The source of each argument: a video file, a folder of them, an address (rtsp://...), or /dev/videoN. Its images
    hold what is `wanted` of them.

    `say` is told, a line each, what is damaged, lost or called again; from several threads. Raises as `check_sources`.
    """
    check_sources(arguments)
    if notice := decoders.need_one():
        say(notice)
    return [open_source(argument, rate, say, wanted) for argument in arguments]


def interleave(
    sources: Sequence[Source], expected: Callable[[], bool] = lambda: False
) -> Iterator[tuple[int, Image] | None]:
    """One image of each source in turn, with the source's index, until all are done and no other is `expected`; None
    when none has one now."""
    while expected() or not all(source.done for source in sources):
        idle = True
        for index, source in enumerate(sources):
            image = None if source.done else source.take()
            if image is not None:
                idle = False
                yield index, image
        if idle:
            yield None


def is_live(argument: str) -> bool:
    """Whether that names a camera, rather than files."""
    return "://" in argument or argument.startswith("/dev/")


def check_source(argument: str) -> None:
    """Raise UserError for what is no source."""
    if argument.startswith("/dev/") and not decoders.opencv().usable:
        raise UserError(f"{argument}: such cameras need OpenCV: {decoders.opencv().problem} ({decoders.advice()})")
    if "://" not in argument and not Path(argument).exists():
        what = "no such camera" if is_live(argument) else "no such video file or folder"
        shown = Address(argument).shown if "@" in argument else argument  # an address with a slip in it
        raise UserError(f"{shown}: {what}")
    if Path(argument).is_dir() and not find(Path(argument)).videos:
        raise UserError(f"{argument}: an empty folder; put video files there")


def open_source(
    argument: str,
    rate: int | None,
    say: Say,
    wanted: Wanted = RGB,
    name: str = "",
    mode: Mode = AS_IT_IS,
    tape: Tape | None = None,
) -> Source:
    """As `open_sources`, of one argument that is one; `name`: what it is called, where that is not its address; `mode`
    and `tape`: as of `Live`."""
    if is_live(argument):
        return Live(argument, rate, say, wanted, name, mode, tape)
    path = Path(argument)
    if not path.is_dir():
        return Files(name or argument, [path], rate, say, wanted)
    found = find(path)
    if found.others:
        say(f"{argument}: {told(found.others, path)}")
    return Files(name or argument, found.videos, rate, say, wanted)
