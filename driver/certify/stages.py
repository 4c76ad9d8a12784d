# SPDX-License-Identifier: BSD-3-Clause
"""CPU time of a camera's or a video's images by stage: decoding, shrinking, and driving the chip."""

import os
import time
from dataclasses import dataclass

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.sources import Image, open_source
from shiftcore.errors import UserError
from shiftcore.model.records import Result
from shiftcore.model.sampling import Wanted

IMAGES = 100
_WAIT_S = 30.0  # for the next image of a camera


@dataclass(frozen=True)
class Stages:
    """Milliseconds of CPU for an image of `source`, all threads and helping programs counted: `decode`, from the source
    to luma or RGB; `shrink`, to the network's input (0 where the chip does that); `drive`, into the chip and its result
    out. `images`: how many were taken, of `width` x `height`; `frames`: how many results they gave."""

    source: str
    images: int
    width: int
    height: int
    frames: int
    decode_ms: float
    shrink_ms: float
    drive_ms: float


def measure(accelerator: Accelerator, argument: str, said: list[str]) -> Stages:
    """Of the first `IMAGES` images of a source. What it complains of is added to `said`. Raises UserError where it
    gives none, and any ChipError."""
    prepare = accelerator.preprocessor()
    rate = accelerator.description.preprocess.images_per_second
    began = _cpu()
    source = open_source(argument, rate, said.append, Wanted(prepare.luma))
    images: list[Image] = []
    end = time.monotonic() + _WAIT_S
    try:
        while len(images) < IMAGES and not source.done and time.monotonic() < end:
            if image := source.take():
                images.append(image)
                end = time.monotonic() + _WAIT_S
            else:
                time.sleep(0.002)
    finally:
        source.close()
    if not images:
        raise UserError(f"{source.name}: gave no image{': ' + said[-1] if said else ''}")
    decoded = _cpu()
    shrink = 0.0
    if not accelerator.ingest:
        for image in images:
            prepare.prepare(image.pixels, 0, image.first)
        shrink = _cpu() - decoded
    results, whole = _drive(accelerator, images)
    height, width = images[0].pixels.shape[:2]
    per_image = 1e3 / len(images)
    drive = max(whole - shrink, 0.0)  # submit_image shrinks where the chip does not
    costs = [round(seconds * per_image, 4) for seconds in (decoded - began, shrink, drive)]
    return Stages(source.name, len(images), width, height, len(results), *costs)


def _drive(accelerator: Accelerator, images: list[Image]) -> tuple[list[Result], float]:
    """The images' results, and the CPU time from the first image to the last result."""
    began, sent = _cpu(), 0
    results: list[Result] = []
    for image in images:
        sent += accelerator.submit_image(image.pixels, 0, image.first) is not None
        results += accelerator.results()
    while len(results) < sent and (more := accelerator.results(wait_s=10.0)):
        results += more
    return results, _cpu() - began


def _cpu() -> float:
    """Seconds of CPU of this process and of those that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
