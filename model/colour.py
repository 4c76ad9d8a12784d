# SPDX-License-Identifier: BSD-3-Clause
"""Between luma and RGB, in integers: ITU-R BT.601, whatever a video's header says of its colours, so that every machine
makes the same bytes of the same planes."""

import numpy as np

# 256 times the weights of luma, of V in red, of U and V in green, and of U in blue (BT.601, 2.5.1 and annex 1).
LIMITED, FULL = (298, 409, 100, 208, 516), (256, 359, 88, 183, 454)
BLACK = 16  # luma of black in limited range
BAND = 64  # rows converted at a time, which a cache holds; a multiple of all that one value of chroma covers


def gray(image: np.ndarray) -> np.ndarray:
    """The luma of an RGB image, uint8 `[H, W, 3]` to `[H, W]`: BT.601's weights in 256ths, rounded half up."""
    red, green, blue = np.moveaxis(image.astype(np.uint32), -1, 0)
    return ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.uint8)


def rgb(luma: np.ndarray, chroma: tuple[np.ndarray, np.ndarray] | None, full: bool) -> np.ndarray:
    """RGB, uint8 `[H, W, 3]`, of planes, uint8: `luma` `[H, W]`, and `chroma`, U and V, of a half or a quarter of the
    rows or columns, each value standing for all pixels it covers; None of a gray picture, which stays as it is. `full`:
    the values have 0 to 255; else luma has 16 to 235 and chroma 16 to 240."""
    if chroma is None:
        return np.ascontiguousarray(np.broadcast_to(luma[..., None], (*luma.shape, 3)))
    rows, columns = luma.shape
    image = np.empty((rows, columns, 3), np.uint8)
    tall, wide = _times(rows, chroma[0].shape[0]), _times(columns, chroma[0].shape[1])
    for top in range(0, rows, BAND):
        part = slice(top // tall, (top + BAND) // tall)
        u, v = (plane[part].repeat(tall, 0).repeat(wide, 1)[:, :columns] for plane in chroma)
        _convert(luma[top : top + BAND], u, v, full, image[top : top + BAND])
    return image


def _convert(luma: np.ndarray, u: np.ndarray, v: np.ndarray, full: bool, image: np.ndarray) -> None:
    """Fill `image` with the colours of planes of one size; chroma may have more rows."""
    weight, red_v, green_u, green_v, blue_u = FULL if full else LIMITED
    light = weight * luma.astype(np.int32) + (128 - (0 if full else weight * BLACK))
    u, v = (plane[: len(luma)].astype(np.int32) - 128 for plane in (u, v))
    for channel, part in enumerate((red_v * v, -green_u * u - green_v * v, blue_u * u)):
        image[..., channel] = np.clip((light + part) >> 8, 0, 255)


def _times(size: int, part: int) -> int:
    """The power of two by which `part` was made of `size`, rounded up."""
    times = 1
    while -(-size // times) > part:
        times *= 2
    return times
