# SPDX-License-Identifier: BSD-3-Clause
"""Where each memory goes, in LUTs or in block RAM: decided from its depth and width, here and nowhere else.

A memory goes into LUTs where these are worth less than the block RAMs it would take, at LUTS_PER_RAMB18.
"""

import math
from typing import Literal

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

LUTS_PER_RAMB18 = 190
"""So many there are for each on an xc7z020 (53,200 and 280): what is worth less is the smaller share of the board."""

Kind = Literal["rom", "ram", "single"]
"""Read at one address, and written beforehand at the same (weights); written and read through a port each; or both
through one port, of half the width (the temporal shift's state)."""

# Depth and width of an 18 Kb block RAM (7-series memory resources, UG473); the last only with one port a direction.
_SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
_SHIFT_DEPTH = 33  # FINN's fifo.sv makes shift registers up to here, whatever it is told


def luts(depth: int, width: int, kind: Kind = "ram") -> int:
    """LUTs of a memory of `depth` words of `width` bits in LUTs (7-series CLB, UG474): 64 bits each, where a memory
    with two ports takes four for three bits (six up to a depth of 32); beyond that, multiplexers of four."""
    if kind == "ram" and depth <= 32:
        return 4 * math.ceil(width / 6)
    banks = math.ceil(depth / 64)
    if kind == "ram":
        return banks * 4 * math.ceil(width / 3) + math.ceil((banks - 1) / 3) * width
    banks = 1 << (banks - 1).bit_length()  # with one address, MUXF7 and MUXF8 join two and four of them for nothing
    return banks * width + math.ceil((banks // 4 - 1) / 3) * width


def ramb18(depth: int, width: int, kind: Kind = "ram") -> int:
    """18 Kb block RAMs of a memory, in the shape that takes the fewest."""
    d, w = shape(depth, width, kind)
    return math.ceil(depth / d) * math.ceil(width / w)


def shape(depth: int, width: int, kind: Kind = "ram") -> tuple[int, int]:
    """Depth and width of the block RAMs of such a memory."""
    shapes = _SHAPES[:-1] if kind == "single" else _SHAPES
    return min(shapes, key=lambda s: math.ceil(depth / s[0]) * math.ceil(width / s[1]))


def style(depth: int, width: int, kind: Kind = "ram") -> str:
    """`distributed` or `block`, whichever is worth less."""
    return "distributed" if luts(depth, width, kind) < LUTS_PER_RAMB18 * ramb18(depth, width, kind) else "block"


def fifo_style(depth: int, width: int) -> str:
    """`srl`, `distributed` or `block` for a FIFO; one word of it is in its output register."""
    if depth <= _SHIFT_DEPTH:
        return "srl"
    return style(1 << (depth - 2).bit_length(), width)


def weights_shape(node: NodeProto) -> tuple[int, int]:
    """Words and bits of the memory that streams a matrix product's weights."""
    instance = getCustomOp(node)
    pe, simd = instance.get_nodeattr("PE"), instance.get_nodeattr("SIMD")
    fold = (instance.get_nodeattr("MW") // simd) * (instance.get_nodeattr("MH") // pe)
    return fold, pe * simd * instance.get_input_datatype(1).bitwidth()


def threshold_shapes(node: NodeProto) -> list[tuple[int, int]]:
    """Words and bits of each memory of a threshold layer: for every PE, one a stage of the binary search."""
    instance = getCustomOp(node)
    pe, stages = instance.get_nodeattr("PE"), instance.get_output_datatype().bitwidth()
    fold, bits = instance.get_nodeattr("NumChannels") // pe, instance.get_input_datatype(1).bitwidth()
    return [(fold << stage, bits) for stage in range(stages) for _ in range(pe)]


def window_shape(node: NodeProto) -> tuple[int, int]:
    """Words and bits of a window generator's line buffer."""
    instance = getCustomOp(node)
    return instance.get_buffer_depth(), instance.get_instream_width()


def choose(model: ModelWrapper) -> None:
    """Set the memory of every folded layer, in place."""
    for node in model.graph.node:
        instance = getCustomOp(node)
        if node.op_type == "MVAU_rtl":
            instance.set_nodeattr("ram_style", style(*weights_shape(node), "rom"))
        elif node.op_type == "ConvolutionInputGenerator_rtl":
            instance.set_nodeattr("ram_style", style(*window_shape(node)))
        elif node.op_type == "Thresholding_rtl":
            block = [depth for depth, bits in threshold_shapes(node) if style(depth, bits, "rom") == "block"]
            instance.set_nodeattr("depth_trigger_bram", min(block, default=0))  # 0: all of them become logic
