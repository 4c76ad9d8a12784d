# SPDX-License-Identifier: BSD-3-Clause
"""What a QONNX file cannot say of its network: NETWORK.toml beside NETWORK.onnx, which may be left out."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from shiftcore import configuration
from shiftcore.configuration import Table
from shiftcore.quant.preset import Hardware, Positive

Divisor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Pixels(Table):
    """What the network was trained on: (pixel / `scale` - `mean`) / `std`, the latter two one number or one a channel;
    and what its pixels are (docs/integer-model.md): `representation`, by default `luma` of one channel, `rgb` of three
    and `none`, inputs that are made elsewhere, of any other number."""

    representation: Literal["rgb", "luma", "motion", "none"] | None = None
    images_per_second: Positive | None = None
    run_every: Positive = 1
    scale: Divisor = 1.0
    mean: tuple[Number, ...] = ()
    std: tuple[Divisor, ...] = ()


class Settings(Table):
    """The file's content. `classes`: the logits' names in order, by default `class 0` and so on; `num_segments`: frames
    whose logits are summed into one decision."""

    input: Pixels = Pixels()
    classes: tuple[str, ...] = ()
    num_segments: Positive = 1
    hardware: Hardware = Hardware()


def settings_of(network: Path) -> Settings:
    """The settings beside a network's file. Raises UserError for a wrong key."""
    path = network.with_suffix(".toml")
    return configuration.load(Settings, path) if path.is_file() else Settings()
