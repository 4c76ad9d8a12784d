# SPDX-License-Identifier: BSD-3-Clause
"""Frames of video files, through PyAV: any container and codec that FFmpeg reads."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from shiftcore.artifacts import atomic_file
from shiftcore.errors import UserError
from shiftcore.model import planes
from shiftcore.model.colour import gray
from shiftcore.model.containers import cut_short
from shiftcore.model.preprocess import picture
from shiftcore.model.sampling import RGB, UNTIMED_RATE, Frame, Sampler, Wanted
from shiftcore.model.video_files import address, check_file, naming

PICTURES = {".jpg", ".jpeg", ".png"}
ANNOUNCED_SECONDS_SLACK = 1.0  # a container's length is rounded, and its last packet's may be unknown
RENDERED = {"tty", "image2"}  # FFmpeg's demuxers of what is no video


def frames(path: Path, rate: int | None = None, luma: bool = False) -> Iterator[np.ndarray]:
    """The frames of the video at `path` that `Sampler(rate)` takes, all for None: uint8 RGB `[H, W, 3]`, or `luma`
    `[H, W]`; a model.preprocess.Picture where pixels are not square. A folder of pictures, in the order of their names,
    is a video too. Raises as `timed`."""
    for frame in timed(path, rate, Wanted(luma)):
        yield frame.pixels


def timed(
    path: Path, rate: int | None = None, wanted: Wanted = RGB, say: Callable[[str], None] | None = None
) -> Iterator[Frame]:
    """As `frames`, each with its number and time, and with what is `wanted` of it. `say` is told where the video's
    clock jumps, as of `sampling.Clock`.

    Raises UserError naming the file when it is missing, no video, empty, corrupt, or truncated: at once where that
    shows in the file's head, else when decoding comes to the damage.
    """
    if path.is_dir():
        yield from _pictures(path, Sampler(rate), wanted)
        return
    check_file(path)
    decoded = 0
    try:
        with av.open(address(path)) as container:
            stream = None if _shows_no_video(container) else video_stream(container)
            if stream is None:
                raise UserError(f"{path}: holds no video")
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"err_detect": "explode"}  # a damaged picture is an error, not a guess
            sample = Sampler(rate, float(stream.guessed_rate or 0), say)
            packets = _Packets(container, stream)
            for frame in packets.decode():
                seconds = sample(decoded, frame.time)
                if seconds is not None:
                    with naming(path):
                        pixels, shown = seen(frame, stream, wanted)
                    yield Frame(decoded, seconds, pixels, shown)
                decoded += 1
            missing = "" if sample.jumped else packets.missing(decoded) or cut_short(path)
    except av.FFmpegError as error:
        where = f"damaged after {decoded} frames" if decoded else "not a readable video"
        raise UserError(f"{path}: {where} ({error.strerror})") from None
    if decoded == 0:
        raise UserError(f"{path}: holds no frames, or no key frame to decode them from")
    if missing:
        raise UserError(f"{path}: truncated after {decoded} frames, {missing}")


def _shows_no_video(container: av.container.InputContainer) -> bool:
    """Whether FFmpeg makes pictures of what is none: it renders texts, and takes a picture for a video of one frame."""
    name = container.format.name
    return name in RENDERED or (name.endswith("_pipe") and name != "jpeg_pipe")  # as which raw Motion JPEG passes


def video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """The video of a container: the one marked as its default, else the first. The cover of a recording is none."""
    marks = av.stream.Disposition
    streams = [stream for stream in container.streams.video if not stream.disposition & marks.attached_pic]
    chosen = [stream for stream in streams if stream.disposition & marks.default]
    return next(iter(chosen or streams), None)


def seen(
    frame: av.VideoFrame, stream: av.VideoStream | None = None, wanted: Wanted = RGB
) -> tuple[np.ndarray, np.ndarray | None]:
    """A decoded frame, of any size and pixel format, as people see it: turned upright by the quarter turns that a phone
    notes beside it, with the pixel aspect of its `stream`. Returns `pixels` and `shown` of `Frame`, by model.planes.
    Raises UserError as `planes.luma`."""
    turns = frame.rotation // 90 if frame.rotation % 90 == 0 else 0
    aspect = (stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio) if stream else None
    if aspect and turns % 2:
        aspect = 1 / aspect

    def upright(image: np.ndarray) -> np.ndarray:
        return picture(np.ascontiguousarray(np.rot90(image, turns)) if turns else image, aspect)

    shown = upright(planes.rgb(frame)) if wanted.shown else None
    if wanted.luma:
        return upright(planes.luma(frame)), shown
    return upright(planes.rgb(frame)) if shown is None else shown, shown


class _Packets:
    """What a container gives of its video `stream`, and how far its packets of all kinds reach."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self._container, self._stream = container, stream
        self._count = self._skipped = 0
        self._end = 0.0  # in seconds, of the last packet, be it sound

    def decode(self) -> Iterator[av.VideoFrame]:
        """Every frame from the first key frame on. Those before it, where a recording was cut, build on pictures that
        are gone; some decoders would guess them, others fail."""
        begun = False
        for packet in self._container.demux():
            if packet.pts is not None:
                self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream.index != self._stream.index:
                continue
            begun = begun or packet.is_keyframe
            self._count += packet.size > 0
            self._skipped += packet.size > 0 and not begun
            if begun:
                yield from self._stream.decode(packet)

    def missing(self, decoded: int) -> str:
        """What the container announces and does not hold, in words; "" if nothing. Frames that an edit list leaves out,
        and counts that nothing else bears out, do not matter."""
        entries = getattr(self._stream, "index_entries", ())  # PyAV before 17 does not tell
        indexed = len(entries) if "mov" in self._container.format.name else 0
        if self._count < indexed:
            return f"{indexed} are announced"
        if self._skipped and decoded < self._stream.frames:
            return f"{self._stream.frames} are announced"
        if not self._announces_its_length():
            return ""
        seconds = ((self._container.start_time or 0) + (self._container.duration or 0)) / av.time_base
        return f"{seconds:.1f} seconds are announced" if self._end + ANNOUNCED_SECONDS_SLACK < seconds else ""

    def _announces_its_length(self) -> bool:
        """Not where FFmpeg computed the length itself, from the last time stamps or from the bit rate: it then gives
        each stream one."""
        announcing = ("matroska", "flv", "asf")
        named = any(name in self._container.format.name for name in announcing)
        return named and self._stream.duration is None


def _pictures(folder: Path, sample: Sampler, wanted: Wanted) -> Iterator[Frame]:
    from PIL import Image  # here: a board may have PyAV and no Pillow

    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not paths:
        raise UserError(f"{folder}: holds no pictures")
    for number, path in enumerate(paths):
        seconds = sample(number, None)
        if seconds is None:
            continue
        try:
            with Image.open(path) as image:
                colours = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, Image.DecompressionBombError):
            raise UserError(f"{path}: not a readable picture") from None
        yield Frame(number, seconds, gray(colours) if wanted.luma else colours, colours if wanted.shown else None)


def rate(path: Path) -> float:
    """Frames per second of the video at `path`, on average; pictures do not say, and count as 25. Raises UserError for
    a file that is no video."""
    if path.is_dir():
        return UNTIMED_RATE
    check_file(path)
    try:
        with av.open(address(path)) as container:
            stream = video_stream(container)
            average = stream.average_rate if stream else None
    except av.FFmpegError as error:
        raise UserError(f"{path}: not a readable video ({error.strerror})") from None
    if not average:
        raise UserError(f"{path}: holds no video, or does not say how many frames it has a second")
    return float(average)


def write(path: Path, images: Sequence[np.ndarray], rate: int = 25, crf: int = 18, preset: str = "medium") -> None:
    """Write uint8 images, RGB `[H, W, 3]` or luma `[H, W]` as decoders give it (H and W even), as an H.264 video of
    `rate` frames per second, atomically. `crf`: x264's constant rate factor, 0 (nothing is lost) to 51; `preset`: its
    name for how much work it spends."""
    height, width = images[0].shape[:2]
    with atomic_file(path) as temporary, av.open(str(temporary), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {"crf": str(crf), "threads": "1", "preset": preset}
        for image in images:
            container.mux(stream.encode(_frame(image)))
        container.mux(stream.encode(None))


def _frame(image: np.ndarray) -> av.VideoFrame:
    if image.ndim == 3:
        return av.VideoFrame.from_ndarray(image, format="rgb24")
    colourless = np.full((image.shape[0] // 2, image.shape[1]), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.concatenate([image, colourless]), format="yuv420p")
