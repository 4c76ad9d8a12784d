"""A video of what was seen, with the score and the alarm drawn on each frame."""

from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from sim.preprocess import pixel_aspect

WHITE, RED = (255, 255, 255), (230, 30, 30)
LEAST_ROWS = 360  # smaller frames are enlarged, so that the text can be read


class Recorder:
    """Writes the MP4 file at `path`, `rate` frames a second: H.264 through PyAV where it is installed, else MPEG-4
    through OpenCV. The file takes its name when it is closed; until then it is .NAME.part.mp4.

    Raises UserError where OpenCV, which draws, is not installed, or the file cannot be written.
    """

    def __init__(self, path: Path, rate: float) -> None:
        if path.suffix.lower() != ".mp4":
            raise UserError(f"{path}: --record writes MP4; give a name that ends in .mp4")
        if not find_spec("cv2"):
            raise UserError("--record needs OpenCV to draw: pip install opencv-python-headless")
        if not path.parent.is_dir():
            raise UserError(f"{path}: no folder {path.parent}")
        self._path, self._part = path, path.with_name(f".{path.stem}.part.mp4")
        self._rate = Fraction(rate).limit_denominator(1000)
        self._writer: _PyAv | _OpenCv | None = None
        self._size = (0, 0)

    def add(self, pixels: np.ndarray, text: str, raised: bool) -> None:
        """The next frame, RGB uint8 `[H, W, 3]`, with a line of `text` on it, and a red frame around it while an alarm
        is `raised`. All are brought to one size."""
        import cv2

        if self._writer is None:
            times = max(1, -(-LEAST_ROWS // pixels.shape[0]))
            shown = pixels.shape[0], int(pixels.shape[1] * pixel_aspect(pixels))
            height, width = (side * times // 2 * 2 for side in shown)  # 4:2:0: half the columns and rows
            self._size = (width, height)
            kind = _PyAv if find_spec("av") else _OpenCv
            self._writer = kind(self._part, self._size, self._rate)
        if (pixels.shape[1], pixels.shape[0]) != self._size:
            pixels = cv2.resize(
                pixels,
                self._size,
                interpolation=cv2.INTER_AREA if pixels.shape[0] > self._size[1] else cv2.INTER_NEAREST,
            )
        self._writer.add(_draw(pixels, text, raised))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._part.replace(self._path)


def _draw(pixels: np.ndarray, text: str, raised: bool) -> np.ndarray:
    import cv2

    image = np.ascontiguousarray(pixels).copy()
    height, width = image.shape[:2]
    edge = max(2, height // 90)
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, height // 360)
    scale = min(height / 500, 0.9 * width / max(1, cv2.getTextSize(text, font, 1.0, thickness)[0][0]))
    band = int(42 * scale) + edge
    image[:band] //= 3
    cv2.putText(image, text, (3 * edge, band - int(12 * scale)), font, scale, WHITE, thickness, cv2.LINE_AA)
    if raised:
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), RED, 2 * edge)
    return image


class _PyAv:
    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction) -> None:
        import av

        self._container = av.open(str(path), "w")
        self._stream: Any = self._container.add_stream("libx264", rate=rate)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast"}

    def add(self, pixels: np.ndarray) -> None:
        import av

        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


class _OpenCv:
    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction) -> None:
        import cv2

        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), float(rate), size)
        if not self._writer.isOpened():
            raise UserError(f"{path}: OpenCV cannot write MP4 here")

    def add(self, pixels: np.ndarray) -> None:
        import cv2

        self._writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        self._writer.release()
