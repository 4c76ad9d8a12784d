"""Frames of video files, through PyAV: any container and codec that FFmpeg reads."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from common.artifacts import atomic_file
from common.errors import UserError
from sim.sampling import UNTIMED_RATE, Frame, Sampler

PICTURES = {".jpg", ".jpeg", ".png"}
ANNOUNCED_SECONDS_SLACK = 1.0  # sound may outlast the picture a little


def frames(path: Path, rate: int | None = None) -> Iterator[np.ndarray]:
    """The frames of the video at `path` that `Sampler(rate)` takes, all for None: RGB, uint8 `[H, W, 3]`. A folder of
    pictures, in the order of their names, is a video too. Raises as `timed`."""
    for frame in timed(path, rate):
        yield frame.pixels


def timed(path: Path, rate: int | None = None) -> Iterator[Frame]:
    """As `frames`, each with its number and time.

    Raises UserError naming the file when it is missing, no video, empty, corrupt, or truncated: at once where that
    shows in the file's head, else when decoding comes to the damage.
    """
    if path.is_dir():
        yield from _pictures(path, Sampler(rate))
        return
    if not path.is_file():
        raise UserError(f"{path}: no such video file")
    decoded, sample = 0, Sampler(rate)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"{path}: holds no video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"err_detect": "explode"}  # a damaged picture is an error, not a guess
            end = 0.0
            for frame in decodable(container, stream):
                seconds = sample(decoded, frame.time)
                if seconds is not None:
                    yield Frame(decoded, seconds, pixels(frame))
                decoded += 1
                end = frame.time or end
            missing = _missing(container, stream, decoded, end)
    except av.FFmpegError as error:
        where = f"damaged after {decoded} frames" if decoded else "not a readable video"
        raise UserError(f"{path}: {where} ({error.strerror})") from None
    if decoded == 0:
        raise UserError(f"{path}: holds no frames, or no key frame to decode them from")
    if missing:
        raise UserError(f"{path}: truncated after {decoded} frames, {missing}")


def pixels(frame: av.VideoFrame) -> np.ndarray:
    """A decoded frame, of any size and pixel format, as people see it: RGB, uint8 `[H, W, 3]`, turned upright by the
    quarter turns that a phone notes beside it. Byte for byte what OpenCV makes of it: blue first, colours bicubic."""
    turns = frame.rotation // 90 if frame.rotation % 90 == 0 else 0
    image = frame.to_ndarray(format="bgr24", interpolation="BICUBIC")[:, :, ::-1]
    return np.ascontiguousarray(np.rot90(image, turns))


def decodable(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Every frame from the first key frame on. Those before it, where a recording was cut, build on pictures that are
    gone; some decoders would guess them, others fail."""
    begun = False
    for packet in container.demux(stream):
        begun = begun or packet.is_keyframe
        if begun:
            yield from packet.decode()


def _pictures(folder: Path, sample: Sampler) -> Iterator[Frame]:
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
                yield Frame(number, seconds, np.asarray(image.convert("RGB")))
        except (OSError, SyntaxError):
            raise UserError(f"{path}: not a readable picture") from None


def _missing(container: av.container.InputContainer, stream: av.VideoStream, decoded: int, end: float) -> str:
    """What a container announces and does not hold: frames, or seconds behind its last frame at `end`; "" if none."""
    if stream.frames:
        return f"{stream.frames} are announced" if decoded < stream.frames else ""
    seconds = ((container.start_time or 0) + (container.duration or 0)) / av.time_base
    return f"{seconds:.1f} seconds are announced" if end + ANNOUNCED_SECONDS_SLACK < seconds else ""


def rate(path: Path) -> float:
    """Frames per second of the video at `path`, on average; pictures do not say, and count as 25. Raises UserError for
    a file that is no video."""
    if path.is_dir():
        return UNTIMED_RATE
    try:
        with av.open(str(path)) as container:
            average = container.streams.video[0].average_rate if container.streams.video else None
    except av.FFmpegError as error:
        raise UserError(f"{path}: not a readable video ({error.strerror})") from None
    if not average:
        raise UserError(f"{path}: holds no video, or does not say how many frames it has a second")
    return float(average)


def write(path: Path, images: Sequence[np.ndarray], rate: int = 25, crf: int = 18) -> None:
    """Write uint8 RGB images `[H, W, 3]` (H and W even) as an H.264 video of `rate` frames per second, atomically.
    `crf`: x264's constant rate factor, 0 (nothing is lost) to 51."""
    height, width = images[0].shape[:2]
    with atomic_file(path) as temporary, av.open(str(temporary), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {"crf": str(crf), "threads": "1"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
