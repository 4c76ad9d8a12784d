# SPDX-License-Identifier: BSD-3-Clause
"""A fuzzer's case: everything that a run of it depends on, as a file that `make fuzz CASE=file` runs again."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shiftcore.artifacts import atomic_file
from shiftcore.errors import UserError
from shiftcore.model.limits import STREAMS
from shiftcore.quant.preset import Preset, parse_preset

Kind = Literal["random", "positive", "negative", "zero", "sparse", "extreme", "trained"]
Pictures = Literal["noise", "black and white", "smooth", "sparse", "scene", "mixed"]
After = Literal["chip", "estimate", "netlist"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Weights(_Table):
    """What kind of weights the layer number `layer` has (in order of execution, beginning anew behind the last), or
    all have (None); the others are random."""

    kind: Kind = "random"
    layer: int | None = None


class Frames(_Table):
    """How many frames go through the core, and what they show."""

    kind: Pictures = "noise"
    count: Annotated[int, Field(ge=1)] = 12


class Case(_Table):
    """One network on one board, with its weights, its frames, and what is done `after` the core.

    `preset`: the preset's values; `resources`: where the board is cut down, what is left of it; `detail`: what went
    wrong. The first cases said nothing of classes (None: the seed draws 2 to 11), weights, frames and what comes after.
    """

    seed: int
    board: str
    preset: dict[str, Any]
    resources: dict[str, float] = {}
    classes: Annotated[int, Field(ge=1)] | None = None
    weights: Weights = Weights()
    frames: Frames = Frames()
    after: tuple[After, ...] = ()
    detail: str = ""

    @property
    def name(self) -> str:
        """The preset's name, and that of the case's files."""
        return str(self.preset["name"])

    def parsed(self) -> Preset:
        """The preset. Raises UserError where its values are none."""
        return parse_preset(self.preset, f"case {self.name}")


def read(path: Path) -> Case:
    """The case in the file at `path`. Raises UserError when there is none."""
    try:
        return Case.model_validate_json(path.read_text())
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: no such case; `make fuzz` keeps those that fail in build/fuzz/failed") from None
    except (ValidationError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a case of the fuzzer: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the file'}: {first['msg']}"


def write(case: Case, path: Path) -> None:
    """Write `case` where `read` finds it."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(case.model_dump(mode="json"), indent=2) + "\n")


def _range(value: int, *bounds: int) -> str:
    """The range of `value` among those that begin at `bounds`, ascending."""
    low = max(bound for bound in bounds if bound <= value)
    above = [bound for bound in bounds if bound > value]
    return f"{low}" if above and above[0] == low + 1 else f"{low} to {above[0] - 1}" if above else f"from {low}"


def dimensions(case: Case) -> dict[str, str]:
    """Where a case lies in each dimension that is drawn: what the report counts by."""
    preset = case.parsed()
    network, bits, hardware = preset.network, preset.quantization, preset.hardware
    widths = [network.stem.width, *(stage.width for stage in network.stages)]
    return {
        "classes": _range(case.classes, 1, 2, 12, 100) if case.classes else "2 to 11",
        **{name: str(value) for name, value in bits},
        "fold_div": _range(network.fold_div, 1, 2, 3, 4, 5, 8, 9, 17, 64) if network.shift else "no shift",
        "stages": _range(len(network.stages), 1, 2, 4),
        "blocks": _range(max(stage.blocks for stage in network.stages), 0, 1, 2, 3, 8),
        "width": _range(max(widths), 1, 2, 25, 65),
        "one channel": str(1 in widths),
        "stem": f"stride {network.stem.stride}{', pooled' if network.stem.max_pool else ''}",
        "frame": _range(max(preset.input.height, preset.input.width), 8, 25, 97, 257),
        "shape": _shape(preset.input.height, preset.input.width),
        "input": preset.input.representation,
        "streams": _range(hardware.streams, 1, 2, 9, STREAMS),
        "models": str(hardware.models),
        "rate": "best" if hardware.target_fps == "best" else _range(hardware.target_fps, 1, 100, 50_000, 1_000_000),
        "board": case.board,
        "resources": "cut down" if case.resources else "the board's",
        "weights": f"{case.weights.kind}{' in one layer' if case.weights.layer is not None else ''}",
        "frames": case.frames.kind,
        **{name: str(name in case.after) for name in ("chip", "estimate", "netlist")},
    }


def _shape(height: int, width: int) -> str:
    if height == width:
        return "square"
    extreme = ", more than 4 to 1" if max(height, width) > 4 * min(height, width) else ""
    return f"{'high' if height > width else 'wide'}{extreme}"
