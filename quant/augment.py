# SPDX-License-Identifier: BSD-3-Clause
"""How a training clip may differ from the video it was taken from: other places, paces and light, as cameras differ.

What comes out is made by the same arithmetic as the network's input (model.preprocess.motion), of images that a camera
at another place might have given.
"""

import cv2
import numpy as np

from shiftcore.model.preprocess import assemble
from shiftcore.model.sampling import EARLY_MS
from shiftcore.quant.frames import Frames
from shiftcore.quant.preset import Augmentation, Input


def random_clip(frames: Frames, size: Input, length: int, how: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """`length` inputs from a random part of a video, uint8 `[length, height, width, channels]`. `frames`: all of its
    frames, whole pictures; their luma where the representation is made of it.

    A video that is too short at the drawn pace gives inputs that follow each other more closely.
    """
    chosen = random_images(frames.times, size, length, how, rng)
    if how.reverse and rng.random() < 0.5:
        chosen = chosen[:, ::-1][::-1]
    steps, inverse = np.unique(chosen, return_inverse=True)
    pictures = random_crop(frames.pixels[steps], size.height, size.width, how.crop, rng)
    images = random_light(pictures, how.light, rng)[inverse.reshape(chosen.shape)]
    return assemble(size.representation, images.swapaxes(0, 1))


def random_images(
    times: np.ndarray, size: Input, length: int, how: Augmentation, rng: np.random.Generator
) -> np.ndarray:
    """Which frames make the inputs of a random part of a video: indices `[inputs, 1 + look-back]`, the newest first.

    The images are those that a live camera's sampler would take that begins at any moment, of a scene that is up to
    `pace` times faster or slower; the inputs lie `run_every` of them apart, or up to `spread` times that. `times` holds
    at least `length` + look-back frames.
    """
    look_back = size.made_of.look_back
    images = np.arange(len(times))
    if size.images_per_second is not None:
        rate = size.images_per_second * how.pace ** rng.uniform(-1, 1)
        ticks = np.floor((times + EARLY_MS / 1000) * rate + rng.random())
        images = np.flatnonzero(np.diff(ticks, prepend=-1) > 0)
    if len(images) < length + look_back:
        images = np.arange(len(times))
    every = min(size.run_every * int(rng.integers(1, how.spread + 1)), (len(images) - look_back - 1) // (length - 1))
    start = look_back + rng.integers(len(images) - look_back - every * (length - 1))
    newest = start + every * np.arange(length)
    return images[newest[:, None] - np.arange(1 + look_back)]


def random_crop(pictures: np.ndarray, height: int, width: int, least: float, rng: np.random.Generator) -> np.ndarray:
    """A window of `pictures`, uint8 `[F, H, W]` or `[F, H, W, 3]`, brought to `height` x `width` by bilinear
    interpolation: of at least the share `least` of the largest one of that aspect, anywhere. `least` 1 is the centre,
    as a live camera's."""
    rows, columns = pictures.shape[1:3]
    largest = min(rows / height, columns / width)
    scale = largest * np.sqrt(rng.uniform(least, 1))
    place = rng.random(2) if least < 1 else (0.5, 0.5)
    top, left = (rows - scale * height) * place[0], (columns - scale * width) * place[1]
    first = 0.5 * scale - 0.5  # pixels' centres are what is mapped
    matrix = np.array([[scale, 0, left + first], [0, scale, top + first]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.stack(
        [cv2.warpAffine(one, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE) for one in pictures]
    )


def random_light(pictures: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Contrast up to `1 + amount` times higher or lower, and brightness up to a fifth of the range times `amount`
    either way; uint8 as `pictures`, the same for all of them."""
    contrast = (1 + amount) ** rng.uniform(-1, 1)
    middle = pictures.mean(dtype=np.float64)
    levels = (np.arange(256) - middle) * contrast + middle + 51 * amount * rng.uniform(-1, 1)
    table = levels.clip(0, 255).round().astype(np.uint8)
    return cv2.LUT(pictures.reshape(len(pictures), -1), table).reshape(pictures.shape)
