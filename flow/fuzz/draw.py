# SPDX-License-Identifier: BSD-3-Clause
"""Draws the fuzzer's cases: mostly small networks, some of them large in one dimension, all a minute or two of work."""

import random
from collections.abc import Iterator
from typing import Any

from shiftcore.errors import UserError
from shiftcore.flow.fuzz.case import After, Case, Frames, Kind, Weights
from shiftcore.hw.boards import BOARDS, load_board
from shiftcore.model.limits import MODELS, STREAMS
from shiftcore.quant.preset import Preset

BITS = ("weight_bits", "act_bits", "first_weight_bits", "last_weight_bits")
# What a case may cost: cycles of a frame, multiply-accumulates of a frame, weights, multipliers side by side.
_CYCLES, _MACS, _WEIGHTS, _MULTIPLIERS = 120_000, 4e6, 400_000, 3000
_SMALL_WEIGHTS, _SMALL_MULTIPLIERS = 15_000, 500  # what Yosys synthesizes in a minute
_CHIP_BYTES = 100_000  # of a frame: the simulated memory holds the buffers of as many sessions as a case has


def draw(seed: int) -> Case:
    """The case of `seed`, always the same."""
    rng = random.Random(seed)
    large = rng.choice([None, None, None, None, "width", "frame", "stages", "blocks"])
    while True:
        case = _draw(rng, seed, large)
        try:
            preset = case.parsed()
        except UserError:  # a map too small for its kernel, as a rule
            continue
        if _is_affordable(preset, case.board):
            return case.model_copy(update={"after": _after(rng, preset, case.board)})


def _draw(rng: random.Random, seed: int, large: str | None) -> Case:
    board = rng.choice(sorted(path.stem for path in BOARDS.glob("*.toml")))
    resources = _cut_down(rng) if rng.random() < 0.12 else {}
    network = _network(rng, large)
    preset = {
        "name": f"fuzz-{seed}",
        "input": {**_size(rng, network, large), "representation": rng.choice(["rgb", "rgb", "rgb", "motion"])},
        "network": network,
        "quantization": {name: rng.randint(2, 8) for name in BITS},
        "hardware": {
            "target_fps": "best" if resources and rng.random() < 0.7 else _rate(rng),
            "streams": rng.choice([1, 1, 2, 3, 8, rng.randint(4, 32), rng.randint(9, STREAMS - 1), STREAMS]),
            "models": random.Random(f"{seed} models").choice([1, 1, 1, 1, 2, 2, 3, MODELS]),
        },
    }
    few = large == "frame"
    return Case(
        seed=seed,
        board=board,
        preset=preset,
        resources=resources,
        classes=rng.choice(
            [1, 1, *(rng.randint(2, 11) for _ in range(5)), *[rng.randint(12, 99)] * 2, rng.randint(100, 400)]
        ),
        weights=_weights(rng),
        frames=Frames(
            kind=rng.choice(["noise", "noise", "black and white", "smooth", "sparse", "scene", "mixed"]),
            count=rng.randint(3, 5) if few else rng.randint(8, 16),
        ),
    )


def _network(rng: random.Random, large: str | None) -> dict[str, Any]:
    fold_div = rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 8, rng.randint(9, 16), rng.randint(17, 64), 64])
    shift = rng.random() < 0.85
    unit = fold_div if shift else 1
    count = rng.randint(4, 8) if large == "stages" else rng.randint(1, 3)
    widest, longest = rng.randrange(count), rng.randrange(count)
    strided = rng.sample(range(count), min(count, rng.randint(0, 2)))
    most = 6 if large in ("stages", "blocks", "frame") else 24
    stages = []
    for index in range(count):
        blocks = rng.choice([0, 1, 1, 2]) if large != "stages" else rng.choice([0, 0, 1])
        if large == "blocks" and index == longest:
            blocks = rng.choice([3, 3, 4, 4, 5, 6, 8, 16])
        width = rng.randint(1, most)
        if large == "width" and index == widest:
            width = rng.choice([32, 40, 48, 64, 72, 96, 128, 192, 256])
        if blocks:
            width = max(1, width // unit) * unit
        stages.append({"width": width, "stride": 2 if index in strided else 1, "blocks": blocks})
    stem = {"width": rng.randint(1, most // 2), "stride": rng.choice([1, 2]), "max_pool": rng.random() < 0.25}
    return {"stem": stem, "stages": stages, "fold_div": fold_div, "shift": shift}


def _size(rng: random.Random, network: dict[str, Any], large: str | None) -> dict[str, int]:
    """Rows and columns that the strides divide."""
    stride = network["stem"]["stride"] * (2 if network["stem"]["max_pool"] else 1)
    for stage in network["stages"]:
        stride *= stage["stride"]

    def side(low: int, high: int) -> int:
        return stride * rng.randint(-(-max(8, low) // stride), max(-(-max(8, low) // stride), high // stride))

    small = side(3 * stride, 32)
    if large == "frame":
        big = side(97, rng.choice([160, 256, 512]))
        height, width = rng.choice([(big, small), (small, big), (big, side(33, big))])
        return {"height": min(height, 512), "width": min(width, 512)}
    return {"height": small, "width": rng.choice([small, side(3 * stride, 32), side(3 * stride, 72)])}


def _rate(rng: random.Random) -> int | str:
    """Frames a second, mostly what can be reached."""
    ordinary = rng.choice([100, 500, 2000, 8000, 20_000])
    extreme = rng.choice([1, rng.randint(2, 60), 60_000, 10**6, 10**9])
    rates: list[int | str] = ["best", ordinary, ordinary, ordinary, extreme]
    return rng.choice(rates)


def _cut_down(rng: random.Random) -> dict[str, float]:
    """A board on which one resource is short."""
    return rng.choice(
        [{"DSP": rng.randint(1, 40)}, {"BRAM": float(rng.randint(1, 8))}, {"LUT": rng.randrange(2000, 20_000, 500)}]
    )


def _weights(rng: random.Random) -> Weights:
    single: list[Kind] = ["positive", "negative", "zero", "sparse", "extreme"]
    kinds: list[Kind] = ["random", "random", "random", *single, "trained", "trained"]
    kind = rng.choice(kinds)
    whole = kind in ("random", "trained") or rng.random() < 0.5
    return Weights(kind=kind, layer=None if whole else rng.randrange(32))


def _after(rng: random.Random, preset: Preset, board: str) -> tuple[After, ...]:
    """The chip around every third core; Yosys only for what is small."""
    weights, multipliers = _weights_of(preset), _macs(preset) / _interval(preset, board)
    small = weights < _SMALL_WEIGHTS and multipliers < _SMALL_MULTIPLIERS
    possible: dict[After, bool] = {
        "chip": 3 * preset.input.height * preset.input.width <= _CHIP_BYTES and rng.random() < 0.4,
        "estimate": small and rng.random() < 0.3,
        "netlist": small and load_board(board).family == "zynq7" and rng.random() < 0.5,  # the cells that have models
    }
    return tuple(name for name, wanted in possible.items() if wanted)


def _convolutions(preset: Preset) -> Iterator[tuple[int, int]]:
    """Pixels a frame, and weights, of every convolution."""
    stem = preset.network.stem
    height, width, channels = preset.input.height // stem.stride, preset.input.width // stem.stride, stem.width
    yield height * width, 9 * 3 * channels
    if stem.max_pool:
        height, width = height // 2, width // 2
    for stage in preset.network.stages:
        height, width = height // stage.stride, width // stage.stride
        if stage.stride != 1 or stage.width != channels:
            yield height * width, 9 * channels * stage.width
        channels = stage.width
        yield from [(height * width, 9 * channels * channels)] * (2 * stage.blocks)


def _macs(preset: Preset) -> int:
    return sum(pixels * weights for pixels, weights in _convolutions(preset))


def _weights_of(preset: Preset) -> int:
    return sum(weights for _, weights in _convolutions(preset))


def _interval(preset: Preset, board: str) -> float:
    """Cycles from one frame to the next, roughly: as many as the rate allows and the largest layer can use, and a
    cycle a pixel at least."""
    target, pixels = preset.hardware.target_fps, preset.input.height * preset.input.width
    if target == "best":
        return pixels
    most = max(pixels * weights for pixels, weights in _convolutions(preset))
    return max(pixels, min(most, load_board(board).clock_mhz * 1e6 / target))


def _is_affordable(preset: Preset, board: str) -> bool:
    interval, macs = _interval(preset, board), _macs(preset)
    few = preset.input.height * preset.input.width > 0.3 * interval
    return (
        interval <= (_CYCLES if few else _CYCLES / 3)
        and macs <= _MACS
        and _weights_of(preset) <= _WEIGHTS
        and macs / interval <= _MULTIPLIERS
    )
