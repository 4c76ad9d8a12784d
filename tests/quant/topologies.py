# SPDX-License-Identifier: BSD-3-Clause
"""Networks that differ in everything a preset can say, small enough to run in no time."""

from typing import Any

from shiftcore.quant.preset import Preset, load_preset, parse_preset


def preset(
    name: str, size: tuple[int, int], network: dict[str, Any], representation: str = "rgb", **quantization: int
) -> Preset:
    values = {
        "name": name,
        "input": {"height": size[0], "width": size[1], "representation": representation},
        "network": network,
        "quantization": quantization,
        "hardware": {"streams": 4},
    }
    return parse_preset(values, name)


TINY = load_preset("tiny")
POOLED = preset(
    "pooled",
    (32, 48),
    {
        "stem": {"width": 8, "stride": 1, "max_pool": True},
        "stages": [{"width": 8, "stride": 1, "blocks": 2}, {"width": 24, "stride": 2, "blocks": 1}],
        "fold_div": 4,
    },
    weight_bits=3,
    act_bits=3,
    first_weight_bits=6,
)
NARROW = preset(
    "narrow",
    (24, 24),
    {
        "stem": {"width": 8},
        "stages": [{"width": 16, "stride": 2, "blocks": 1}, {"width": 16, "stride": 1, "blocks": 1}],
    },
    weight_bits=2,
    act_bits=2,
    first_weight_bits=4,
    last_weight_bits=5,
)
TIMELESS = preset(
    "timeless",
    (16, 32),
    {
        "stem": {"width": 5},
        "stages": [{"width": 7, "stride": 1, "blocks": 0}, {"width": 9, "blocks": 1}],
        "shift": False,
    },
    "luma",
    weight_bits=8,
    act_bits=6,
)
ALL = [TINY, POOLED, NARROW, TIMELESS]
