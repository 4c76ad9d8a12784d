# SPDX-License-Identifier: BSD-3-Clause
"""From a camera's images to the inputs of the network: integer arithmetic, exact and the same everywhere.

Training, the reference, the driver and the simulation all come through here, so what the network learned on is byte for
byte what it sees. Pixels that are not square count as what they show: `Picture` says how wide they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from shiftcore.errors import UserError
from shiftcore.model.colour import gray
from shiftcore.model.description import InputSpec

SQUARE = Fraction(1)
WIDEST = 8  # a pixel as wide, or as high, as that beside its other side is a broken header


class Representation(NamedTuple):
    """What an input is made of: `luma` or RGB of its image and of so many before it; and how many `channels` it has."""

    luma: bool
    look_back: int
    channels: int


REPRESENTATIONS = {
    "rgb": Representation(luma=False, look_back=0, channels=3),
    "luma": Representation(luma=True, look_back=0, channels=1),
    "motion": Representation(luma=True, look_back=2, channels=3),
}


class Picture(np.ndarray):
    """An image whose pixels are not square: `pixel_aspect` is the width of one over its height, as shown (Rec. ITU-T
    H.264, table E-1, names the usual ones). It is the image's own, so that nobody on the way to `to_input` loses it."""

    pixel_aspect: Fraction = SQUARE

    def __array_finalize__(self, origin: Any) -> None:
        self.pixel_aspect = pixel_aspect(origin)


def picture(pixels: np.ndarray, aspect: Fraction | None) -> np.ndarray:
    """`pixels` (uint8 `[H, W]` or `[H, W, 3]`) with what their container says of their shape, width over height. None,
    0 and anything beyond `WIDEST` say nothing: such pixels are square, and `pixels` stays a plain array."""
    if not aspect or aspect == SQUARE or not Fraction(1, WIDEST) <= aspect <= WIDEST:
        return pixels
    view = pixels.view(Picture)
    view.pixel_aspect = aspect
    return view


def pixel_aspect(image: np.ndarray | None) -> Fraction:
    """Width over height of each pixel of `image`."""
    return image.pixel_aspect if isinstance(image, Picture) else SQUARE


class Turn(NamedTuple):
    """What an image is to the network: `restart`: the first of a clip, which knows of none before it; `run`: an input
    is made of it; `first`: the first that is made of its clip."""

    restart: bool
    run: bool
    first: bool


class Preprocessor:
    """The preprocessing of one model, with what it keeps of each camera's earlier images.

    `spec`: an integer model's description, or a preset's. Representations:
    - `rgb`: the image itself, cropped and shrunk (`to_input`);
    - `luma`: its luma, cropped and shrunk, one channel;
    - `motion`: three channels `[g0, 127 + 2 (g0 - g1), 127 + 2 (g1 - g2)]`, clipped to 0..255, of the lumas g0 of this
      image and g1, g2 of the two before it, cropped and shrunk. A clip's first two images only fill the memory.

    Luma is the 8-bit plane that a video's decoder gives, as it is (`luma` says whether that is what this model takes);
    an RGB image's, such as a drawn one's, is `model.colour.gray` of it.

    The network runs for the first image that has all it needs, and from there on for every `run_every`-th.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.height, self.width = spec.input.height, spec.input.width
        self.representation = spec.preprocess.representation
        self.run_every = spec.preprocess.run_every
        if self.representation not in REPRESENTATIONS:
            known = ", ".join(REPRESENTATIONS)
            raise UserError(f"the model's input is {self.representation!r}; this version knows {known}")
        self.luma, self._look_back, _ = REPRESENTATIONS[self.representation]
        self._shrunk: dict[int, list[np.ndarray]] = {}
        self._images: dict[int, int] = {}

    def images(self, inputs: int) -> int:
        """How many images of a clip it takes to make `inputs` (>= 1) inputs."""
        return self._look_back + (inputs - 1) * self.run_every + 1

    def prepare(self, image: np.ndarray, stream: int = 0, clear: bool = False) -> tuple[np.ndarray, bool] | None:
        """Take the next image of camera `stream`, uint8: RGB `[H, W, 3]`, or luma `[H, W]` for a model that takes it;
        `clear` marks the first of a clip. Returns the network's input, uint8 `[height, width, channels]`, and whether
        it is the clip's first; None when the network does not run for this image.

        Raises UserError when the image is smaller than the input in either direction, or luma where the model sees
        colours; the camera's next image then begins a clip.
        """
        number = self._number(stream, clear)
        turn, history = self._turn(number), self._shrunk[stream] if number else []
        if turn.run or self._look_back:
            history = [to_input(self._taken(image), self.height, self.width), *history[: self._look_back]]
        self._shrunk[stream], self._images[stream] = history, number + 1
        return (assemble(self.representation, history), turn.first) if turn.run else None

    def part(self, image: np.ndarray, stream: int = 0) -> np.ndarray:
        """For a chip that shrinks and keeps images by itself: the part of the luma of the next image of camera `stream`
        that the network sees, uint8 `[rows, columns]`, a view where that can be. Raises as `prepare`."""
        number = self._images.pop(stream, 0)
        luma = self._taken(image)
        rows, columns = crop_size(luma, self.height, self.width)
        top, left = (luma.shape[0] - rows) // 2, (luma.shape[1] - columns) // 2
        self._images[stream] = number
        return np.asarray(luma)[top : top + rows, left : left + columns]

    def turn(self, stream: int = 0, clear: bool = False) -> Turn:
        """What that chip is to do with it; `clear` as in `prepare`. Once an image."""
        number = self._number(stream, clear)
        self._images[stream] = number + 1
        return self._turn(number)

    def _number(self, stream: int, clear: bool) -> int:
        """The image's number in its clip. Who keeps the image says so afterwards: one that raises ends the clip."""
        number = self._images.pop(stream, 0)
        return 0 if clear else number

    def _turn(self, number: int) -> Turn:
        since = number - self._look_back
        return Turn(number == 0, since >= 0 and since % self.run_every == 0, since == 0)

    def _taken(self, image: np.ndarray) -> np.ndarray:
        if image.ndim == 2 and not self.luma:
            raise UserError("the image is luma alone, and the model sees colours")
        if image.ndim == 3 and self.luma:
            return picture(gray(np.asarray(image)), pixel_aspect(image))
        return image

    def clip(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The inputs that the images of one clip make, one after the other. Raises as `prepare`."""
        for index, image in enumerate(images):
            prepared = self.prepare(image, clear=index == 0)
            if prepared is not None:
                yield prepared[0]

    def forget(self, stream: int) -> None:
        """The next image of camera `stream` begins a clip."""
        self._images.pop(stream, None)

    def reset(self) -> None:
        """Forget every camera."""
        self._images.clear()
        self._shrunk.clear()


def assemble(representation: str, images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """The input, uint8 `[height, width, channels]`, made of cropped and shrunk `images`, the newest first, as many as
    the representation looks back and one."""
    if representation == "motion":
        return motion(*images)
    return images[0][..., None] if representation == "luma" else images[0]


def motion(now: np.ndarray, before: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """Three successive lumas, uint8 `[H, W]`, as the `motion` input, uint8 `[H, W, 3]`: the newest, and the
    differences from one to the next, doubled around 127."""
    g0, g1, g2 = (image.astype(np.int16) for image in (now, before, earlier))
    channels = [g0, 127 + 2 * (g0 - g1), 127 + 2 * (g1 - g2)]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def to_input(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Crop the centre of `frame`, uint8 `[H, W]` or `[H, W, C]`, to what `crop_size` says, and shrink it. Returns uint8
    of `height` rows and `width` columns. Raises UserError as `crop_size`."""
    rows, columns = frame.shape[:2]
    crop_rows, crop_columns = crop_size(frame, height, width)
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    return shrink(np.asarray(frame)[top : top + crop_rows, left : left + crop_columns], height, width)


def shrink(crop: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrink all of `crop`, uint8 `[H, W]` or `[H, W, C]`, of `height` x `width` or larger, by averaging: each pixel of
    the result is the mean of its own box of pixels, rounded half up. Boxes begin at floor(i * size / count), so they
    differ by at most one pixel."""
    crop_rows, crop_columns = crop.shape[:2]
    if (crop_rows, crop_columns) == (height, width):  # a feeder's image: every box is one pixel
        return crop.copy()  # a decoder's buffer is used again
    column_edges = _edges(crop_columns, width)
    sums = np.cumsum(_row_sums(crop, height), axis=1, dtype=np.uint32)[:, column_edges[1:] - 1]
    sums[:, 1:] -= sums[:, :-1].copy()  # where a cumulative sum was beyond 32 bits, its differences are right
    counts = (np.diff(_edges(crop_rows, height))[:, None] * np.diff(column_edges)).astype(np.uint32)
    counts = counts.reshape(counts.shape + (1,) * (crop.ndim - 2))
    return ((2 * sums + counts) // (2 * counts)).astype(np.uint8)


def _row_sums(crop: np.ndarray, height: int) -> np.ndarray:
    """The sums over the rows of each of `height` boxes, `[height, columns, ...]`. The k-th rows of all boxes are added
    at once; the last ones of those that hold one more come apart. Memory: a few such sums, however large `crop` is."""
    edges = _edges(len(crop), height)
    starts, least = edges[:-1], len(crop) // height
    sums = crop[starts].astype(np.uint16 if 255 * (least + 1) < 1 << 16 else np.uint32)
    for row in range(1, least):
        sums += crop[starts + row]
    larger = np.flatnonzero(np.diff(edges) > least)
    sums[larger] += crop[starts[larger] + least]
    return sums


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


def _edges(size: int, count: int) -> np.ndarray:
    """Where each of `count` boxes over `size` pixels begins, and where the last one ends, `[count + 1]`."""
    return np.arange(count + 1) * size // count
