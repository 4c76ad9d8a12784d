# SPDX-License-Identifier: BSD-3-Clause
"""Videos and streams that the driver's tests look at, and how long they wait for one."""

from pathlib import Path

import numpy as np

from shiftcore.model import video
from shiftcore.quant import synthetic
from tests.driver.rtsp_camera import transport_stream

LIMIT_S = 90.0  # for a machine that has much else to do
EVENTS = ("door", "object")
LABELS = {name: label for label, name in enumerate(synthetic.class_names(EVENTS))}


def pictures(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[np.ndarray]:
    """Blocks of noise, brighter from frame to frame."""
    texture = np.random.default_rng(seed).integers(0, 150, (height // 8, width // 8, 3)).repeat(8, 0).repeat(8, 1)
    return [(texture + 100 * index // count).astype(np.uint8) for index in range(count)]


def joined(folder: Path, offsets_s: list[int], count: int = 50) -> Path:
    """Transport streams one behind the other, as a recorder joins them; each begins at its own time."""
    path = folder / "joined.ts"
    parts = [transport_stream(folder / "part.ts", pictures(count), begin_s=offset).read_bytes() for offset in offsets_s]
    path.write_bytes(b"".join(parts))
    return path


def scene(path: Path, name: str, clips: int = 2, seed: int = 77) -> Path:
    """A video of `clips` scenes of class `name`, 8 frames each."""
    images = [image for k in range(clips) for image in synthetic.clip(EVENTS, LABELS[name], (8, 64, 80), (seed, k))]
    video.write(path, images)
    return path


def alarming(path: Path, clips: int = 3) -> bytes:
    """A transport stream in which things happen, without an end of them."""
    images = [image for k in range(clips) for image in synthetic.clip(EVENTS, 3, (8, 64, 80), (77, k))]
    return transport_stream(path, images).read_bytes()
