# SPDX-License-Identifier: BSD-3-Clause
"""How many cameras a board serves, from measured costs of an image, and which limit it is that binds
(docs/capacity.md)."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.driver.build import Build
from shiftcore.driver.feeding.link import Header
from shiftcore.errors import UserError
from shiftcore.flow import arm, image_cost
from shiftcore.flow.image_cost import RATE
from shiftcore.hw.boards import Board
from shiftcore.model import video
from shiftcore.quant import synthetic

Figures = dict[str, Any]

SIZES = ((352, 288), (640, 360), (1280, 720), (1920, 1080))
CRF = {352: 22, 640: 23, 1280: 24, 1920: 25}  # x264's, by width: some 0.1 bits a pixel, as cameras send
SECONDS = 1  # of a clip, which begins with its one key frame
DRAWN = (288, 352)  # rows and columns of the scene, which is enlarged
NOISE = 3  # levels either way
EFFORT = "veryfast"  # of x264
LINK_BYTES = 1e9 / 8  # a second, of gigabit Ethernet
A_CYCLE = 1.0  # instructions a cycle that a Cortex-A9 is taken to execute
A9_CORES, A9_HZ = 2, 650e6  # of a Zynq-7020 (Zynq-7000 data sheet DS190), as PYNQ's images for it set them
HERE, FEEDER = "one core here", "feeder, one core here"


def clips(folder: Path, sizes: Sequence[tuple[int, int]]) -> list[Path]:
    """An H.264 video of each size, width and height: a drawn scene, enlarged, with a sensor's noise of its own."""
    frames = SECONDS * RATE
    scene = synthetic.clip(("door", "object"), 0, (frames, *DRAWN), (7, 1))
    paths = [folder / f"{width}x{height}.mp4" for width, height in sizes]
    for path, (width, height) in zip(paths, sizes, strict=True):
        rows, columns = (np.arange(size) * drawn // size for size, drawn in zip((height, width), DRAWN, strict=True))
        rng = np.random.default_rng(1)
        images = []
        for image in scene:
            noise = rng.integers(-NOISE, NOISE + 1, (height, width, 1), dtype=np.int16)
            images.append(np.clip(image[rows][:, columns] + noise, 0, 255).astype(np.uint8))
        video.write(path, images, rate=RATE, crf=CRF.get(width, 23), preset=EFFORT)
    return paths


def measure(model: Path, folder: Path) -> Figures:
    """What an image costs, of the integer model in the file `model`: by size and stage, `image_cpu_ms` here and
    `image_instructions` of a Cortex-A9; of one that a feeder sends, `feeding_...`, by who pays, and `feeder_cpu_ms`, by
    size, before it sends: it shrinks whatever the chip does. Instructions are None where they cannot be counted, and
    `image_instructions_why` says why. Videos and keys go to `folder`."""
    build = image_cost.with_its_chip(model)
    rows, columns, _ = build.input_shape
    names = [f"{width}x{height}" for width, height in SIZES]
    videos = clips(folder, [*SIZES, (columns, rows)])  # the last as large as what comes from a feeder
    *costs, fed = image_cost.milliseconds(videos, build)
    before = image_cost.milliseconds(videos[:-1], Build.load(model)) if build.manifest.ingest else costs
    kilobytes = [path.stat().st_size / (SECONDS * RATE) / 1e3 for path in videos]
    return {
        "image_kilobytes": {name: round(size, 1) for name, size in zip(names, kilobytes, strict=False)},
        "image_cpu_ms": {name: _rounded(cost, 4) for name, cost in zip(names, costs, strict=True)},
        "feeder_cpu_ms": {name: _rounded(_sent(cost), 4) for name, cost in zip(names, before, strict=True)},
        "feeding_cpu_ms": _rounded(image_cost.feeding_milliseconds(folder / "keys", model) | _given(fed), 4),
        "feeding_bytes": math.prod(image_cost.fed_shape(build)) + Header.size,
        **_instructions(names, videos, folder / "keys", model),
    }


def _instructions(names: Sequence[str], videos: Sequence[Path], keys: Path, model: Path) -> Figures:
    try:
        *costs, fed = arm.instructions(videos, model)
        feeding = arm.feeding_instructions(keys, model) | _given(fed)
    except UserError as error:
        return {"image_instructions": None, "image_instructions_why": str(error), "feeding_instructions": None}
    counted = {name: _rounded(cost, 0) for name, cost in zip(names, costs, strict=True)}
    return {"image_instructions": counted, "image_instructions_why": None, "feeding_instructions": _rounded(feeding, 0)}


def _given(cost: Mapping[str, float]) -> dict[str, float]:
    """What a board still does with an image that is given to it as small as it takes it."""
    return {stage: cost[stage] for stage in ("shrink", "driver")}


def _sent(cost: Mapping[str, float]) -> dict[str, float]:
    """What a feeder does with an image before it sends it."""
    return {stage: cost[stage] for stage in ("decode", "colour", "shrink")}


def _rounded(values: Mapping[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) if digits else round(value) for name, value in values.items()}


def cameras(figures: Figures, board: str, target: Board, streams: int, run_every: int) -> Figures:
    """`cameras_per_board`: by board, size and limit, how many cameras of `RATE` images a second each, rounded down;
    `cameras` is the least of them, and `limit` the one that binds. `figures`: those of `measure` and of the chip.

    - `processor`: all its cores do; `thread`: the one thread does that shrinks and feeds the chip; None where that was
      not counted, which `why` says;
    - `inputs`: the chip does, behind slow memory, an input of `run_every` images; `streams`: it keeps apart;
    - `network`: gigabit Ethernet carries, of what a feeder sends.
    """
    chip = {"inputs": math.floor(figures["chip_fps_slow_memory"] * run_every / RATE), "streams": streams}
    network = {"network": math.floor(LINK_BYTES / (RATE * figures["feeding_bytes"]))}
    fed, counted = figures["feeding_cpu_ms"], figures["feeding_instructions"]
    here, there, feeder, given = {}, {}, {}, {}
    for size, cost in figures["image_cpu_ms"].items():
        here[size] = _least(_processor(cost, 1e3, 1) | chip)
        sent = figures["feeder_cpu_ms"][size] | {"driver": fed["send"]}
        feeder[size] = _least(_processor(sent, 1e3, 1) | network)
        there[size] = _least(_on(target, (figures["image_instructions"] or {}).get(size), figures) | chip)
        given[size] = _least(_on(target, counted and _received(counted), figures) | chip | network)
    return {"cameras_per_board": {HERE: here, board: there, f"{board}, fed": given, FEEDER: feeder}}


def _received(cost: Mapping[str, float]) -> dict[str, float]:
    return {"decode": cost["receive"], "colour": 0.0, "shrink": cost["shrink"], "driver": cost["driver"]}


def _on(board: Board, cost: Mapping[str, float] | None, figures: Figures) -> Figures:
    """The limits of a board's processor, of what an image costs in instructions."""
    if board.family != "zynq7":
        why = f"{board.family}: instructions are counted of a Cortex-A9 alone"
    elif cost is None:
        why = figures["image_instructions_why"]
    else:
        return _processor(cost, A9_HZ * A_CYCLE, A9_CORES)
    return {"processor": None, "why": why}


def _processor(cost: Mapping[str, float], a_second: float, cores: int) -> Figures:
    """What `cores` do, each of which has so much `a_second`. Each camera is decoded in a thread of its own, but one
    alone shrinks all images and feeds the chip."""
    alone = cost["shrink"] + cost["driver"]
    limits = {"processor": math.floor(cores * a_second / (RATE * sum(cost.values())))}
    return limits | ({"thread": math.floor(a_second / (RATE * alone))} if cores > 1 else {})


def _least(limits: Figures) -> Figures:
    """The limits, and which one binds."""
    numbers = {name: value for name, value in limits.items() if name != "why"}
    if None in numbers.values():
        return {**limits, "cameras": None, "limit": None}
    binding = min(numbers, key=lambda name: numbers[name])
    return {**limits, "cameras": numbers[binding], "limit": binding}
