# SPDX-License-Identifier: BSD-3-Clause
"""From a camera's images to the inputs of the network: integer arithmetic, exact and the same everywhere.

Training, the reference, the driver and the simulation all come through here, so what the network learned on is byte for
byte what it sees. Pixels that are not square count as what they show: `Picture` says how wide they are.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from shiftcore.errors import UserError
from shiftcore.model.description import InputSpec

SQUARE = Fraction(1)
WIDEST = 8  # a pixel as wide, or as high, as that beside its other side is a broken header
LOOK_BACK = {"rgb": 0, "motion": 2}  # earlier images that an input of each representation needs


class Picture(np.ndarray):
    """An image whose pixels are not square: `pixel_aspect` is the width of one over its height, as shown (Rec. ITU-T
    H.264, table E-1, names the usual ones). It is the image's own, so that nobody on the way to `to_input` loses it."""

    pixel_aspect: Fraction = SQUARE

    def __array_finalize__(self, origin: Any) -> None:
        self.pixel_aspect = pixel_aspect(origin)


def picture(pixels: np.ndarray, aspect: Fraction | None) -> np.ndarray:
    """`pixels` (uint8 `[H, W, C]`) with what their container says of their shape, width over height. None, 0 and
    anything beyond `WIDEST` say nothing: such pixels are square, and `pixels` stays a plain array."""
    if not aspect or aspect == SQUARE or not Fraction(1, WIDEST) <= aspect <= WIDEST:
        return pixels
    view = pixels.view(Picture)
    view.pixel_aspect = aspect
    return view


def pixel_aspect(image: np.ndarray | None) -> Fraction:
    """Width over height of each pixel of `image`."""
    return image.pixel_aspect if isinstance(image, Picture) else SQUARE


class Preprocessor:
    """The preprocessing of one model, with what it keeps of each camera's earlier images.

    `spec`: an integer model's description, or a preset's. Representations:
    - `rgb`: the image itself, cropped and shrunk (`to_input`);
    - `motion`: three channels `[g0, 127 + 2 (g0 - g1), 127 + 2 (g1 - g2)]`, clipped to 0..255, of the gray values g0
      of this image and g1, g2 of the two before it. A clip's first two images only fill the memory.

    The network runs for the first image that has all it needs, and from there on for every `run_every`-th.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.height, self.width = spec.input.height, spec.input.width
        self.representation = spec.preprocess.representation
        self.run_every = spec.preprocess.run_every
        if self.representation not in LOOK_BACK:
            known = ", ".join(LOOK_BACK)
            raise UserError(f"the model's input is {self.representation!r}; this version knows {known}")
        self._grays: dict[int, list[np.ndarray]] = {}
        self._images: dict[int, int] = {}

    def images(self, inputs: int) -> int:
        """How many images of a clip it takes to make `inputs` (>= 1) inputs."""
        return LOOK_BACK[self.representation] + (inputs - 1) * self.run_every + 1

    def prepare(self, image: np.ndarray, stream: int = 0, clear: bool = False) -> tuple[np.ndarray, bool] | None:
        """Take the next image of camera `stream`, RGB uint8 `[H, W, 3]`; `clear` marks the first of a clip. Returns the
        network's input, uint8 `[height, width, 3]`, and whether it is the clip's first; None when the network does
        not run for this image.

        Raises UserError when the image is smaller than the input in either direction.
        """
        if clear or stream not in self._images:
            self._images[stream], self._grays[stream] = 0, []
        since = self._images[stream] - LOOK_BACK[self.representation]
        runs = since >= 0 and since % self.run_every == 0
        prepared = None
        if self.representation == "motion":
            grays = self._grays[stream] = [gray(to_input(image, self.height, self.width)), *self._grays[stream][:2]]
            prepared = motion(*grays) if runs else None
        elif runs:
            prepared = to_input(image, self.height, self.width)
        self._images[stream] += 1
        return (prepared, since == 0) if prepared is not None else None

    def clip(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The inputs that the images of one clip make, one after the other. Raises as `prepare`."""
        for index, image in enumerate(images):
            prepared = self.prepare(image, clear=index == 0)
            if prepared is not None:
                yield prepared[0]

    def reset(self) -> None:
        """Forget every camera."""
        self._images.clear()
        self._grays.clear()


def gray(image: np.ndarray) -> np.ndarray:
    """The luma of an RGB image, uint8 `[H, W, 3]` to `[H, W]`: ITU-R BT.601's weights in 256ths, rounded half up."""
    red, green, blue = np.moveaxis(image.astype(np.uint32), -1, 0)
    return ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.uint8)


def motion(now: np.ndarray, before: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """Three successive gray images, uint8 `[H, W]`, as the `motion` input, uint8 `[H, W, 3]`: the newest, and the
    differences from one to the next, doubled around 127."""
    g0, g1, g2 = (image.astype(np.int16) for image in (now, before, earlier))
    channels = [g0, 127 + 2 * (g0 - g1), 127 + 2 * (g1 - g2)]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def to_input(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Crop the centre of `frame` (uint8 `[H, W, C]`) to what `crop_size` says, and shrink it by averaging: each pixel
    of the result is the mean of its own box of pixels, rounded half up. Boxes begin at floor(i * size / count), so they
    differ by at most one pixel. Returns uint8 `[height, width, C]`. Raises UserError as `crop_size`."""
    rows, columns = frame.shape[:2]
    crop_rows, crop_columns = crop_size(frame, height, width)
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    crop = np.asarray(frame)[top : top + crop_rows, left : left + crop_columns]

    row_starts, row_sizes = _boxes(crop_rows, height)
    column_starts, column_sizes = _boxes(crop_columns, width)
    sums = np.add.reduceat(crop, row_starts, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, column_starts, axis=1, dtype=np.uint32)
    counts = (row_sizes[:, None] * column_sizes)[:, :, None].astype(np.uint32)
    return ((2 * sums + counts) // (2 * counts)).astype(np.uint8)


def crop_size(frame: np.ndarray, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the largest part of `frame` that, as it is shown, has the aspect of `height` x `width` square
    pixels: with pixels n/d as wide as high, it has n * columns * height = d * rows * width, rounded down.

    Raises UserError when that is smaller than the input in either direction.
    """
    rows, columns = frame.shape[:2]
    wide, high = pixel_aspect(frame).numerator, pixel_aspect(frame).denominator
    crop_rows = min(rows, columns * wide * height // (width * high))
    crop_columns = min(columns, rows * high * width // (height * wide))
    if crop_rows < height or crop_columns < width:
        seen = "" if wide == high else f" ({wide}:{high} each, of which it sees {crop_columns}x{crop_rows})"
        raise UserError(
            f"the frame is {columns}x{rows} pixels{seen}, smaller than the network's input of {width}x{height}"
        )
    return crop_rows, crop_columns


def _boxes(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of `count` boxes over `size` pixels begins, and how many pixels it holds."""
    edges = np.arange(count + 1) * size // count
    return edges[:-1], np.diff(edges)
