"""From a camera's frame to the input of the network: integer arithmetic, exact and the same everywhere."""

import numpy as np

from common.errors import UserError


def to_input(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Crop the centre of `frame` (uint8 `[H, W, C]`) to the aspect of `height` x `width`, as large as it can be, and
    shrink it by averaging: each pixel of the result is the mean of its own box of pixels, rounded half up. Boxes
    begin at floor(i * size / count), so they differ by at most one pixel. Returns uint8 `[height, width, C]`.

    Raises UserError when the frame is smaller than the input in either direction.
    """
    rows, columns = frame.shape[:2]
    if rows < height or columns < width:
        raise UserError(f"the frame is {columns}x{rows} pixels, smaller than the network's input of {width}x{height}")
    crop_rows = min(rows, columns * height // width)
    crop_columns = min(columns, rows * width // height)
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    crop = frame[top : top + crop_rows, left : left + crop_columns]

    row_starts, row_sizes = _boxes(crop_rows, height)
    column_starts, column_sizes = _boxes(crop_columns, width)
    sums = np.add.reduceat(crop, row_starts, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, column_starts, axis=1, dtype=np.uint32)
    counts = (row_sizes[:, None] * column_sizes)[:, :, None].astype(np.uint32)
    return ((2 * sums + counts) // (2 * counts)).astype(np.uint8)


def _boxes(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of `count` boxes over `size` pixels begins, and how many pixels it holds."""
    edges = np.arange(count + 1) * size // count
    return edges[:-1], np.diff(edges)
