# SPDX-License-Identifier: BSD-3-Clause
"""What a layer costs on the FPGA: FINN's estimates, mended where this project measured something else."""

import copy
import math

from finn.util.basic import get_dsp_block
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.hw import contents, memory
from shiftcore.hw.boards import USABLE, Resources
from shiftcore.hw.dataflow import layer

# LUTs of FINN's RTL as Yosys synthesizes it (docs/area.md), where FINN's own estimate is far from it.
_MVU_LUT, _MVU_LUT_PER_MAC = 120, 17  # cross-lane correction, adder trees, input and output queues
_STREAMER_LUT = 22  # the counters of a weight memory
_SEARCH_LUT, _SEARCH_LUT_PER_LANE = 40, 12  # of a threshold search, beside memory and comparison
_WINDOW_LUT = 200
_PAD_LUT = 35
_CHOICE_LUT = 30  # of the choice among banks, beside a multiplexer: its count of words, its reader of contexts


def dsp_lanes(weight_bits: int, activation_bits: int, narrow: bool, part: str) -> int:
    """Multiplications in one DSP slice, as FINN's mvu.sv packs them: weights share the A port, `narrow` ones
    (symmetric range) without a guard bit."""
    port = 25 if get_dsp_block(part) == "DSP48E1" else 27
    return 1 + (port - (not narrow) - weight_bits) // (weight_bits + activation_bits - 1)


def estimate(model: ModelWrapper, node: NodeProto, part: str) -> dict[str, float]:
    """LUT, DSP and BRAM (RAMB36) of one layer, by estimate."""
    instance = layer(node)
    if node.op_type == "MVAU_rtl":
        return _product(model, node, part)
    lut, bram = float(instance.lut_estimation(part)), instance.bram_estimation(part) / 2
    if node.op_type == "Thresholding_rtl":
        return _thresholds(model, node, lut, bram)
    if node.op_type == "ConvolutionInputGenerator_rtl":
        memory_lut, blocks = _memory(memory.window_shape(node), "ram")
        lut, bram = _WINDOW_LUT + memory_lut, blocks
    elif node.op_type == "FMPadding_rtl":
        lut = _PAD_LUT
    elif node.op_type == "StreamingDataWidthConverter_rtl":
        wide, narrow = instance.get_instream_width(), instance.get_outstream_width()
        lut = wide * (2 + math.log2(wide / narrow)) if wide > narrow else narrow
    return {"LUT": lut, "DSP": float(instance.dsp_estimation(part)), "BRAM": bram}


def _memory(shape: tuple[int, int], kind: memory.Kind) -> tuple[float, float]:
    """LUTs and RAMB36 of a memory in its style."""
    if memory.style(*shape, kind) == "distributed":
        return float(memory.luts(*shape, kind)), 0.0
    return 0.0, memory.ramb18(*shape, kind) / 2


def _choice(models: int, bits: int) -> float:
    """LUTs of the choice among so many banks' words (rtl/bank_select.sv): a LUT has two bits of two, or one of four."""
    return 0.0 if models == 1 else _CHOICE_LUT + bits * (0.5 if models == 2 else 1.0)


def _thresholds(model: ModelWrapper, node: NodeProto, lut: float, bram: float) -> dict[str, float]:
    """Thresholds that are searched one by one, or in FINN's pipeline, for which it says `lut` and `bram`; as often as
    there are banks."""
    instance, models = layer(node), contents.models(model)
    lanes, bits = instance.get_nodeattr("PE"), instance.get_output_datatype().bitwidth()
    if contents.is_searched(model, node):
        held = contents.memory(model, node, node.name)
        memory_lut, blocks = _memory((contents.searched_depth(node, held), held.bits), "single")
        lut, bram = _SEARCH_LUT + held.pe * (_SEARCH_LUT_PER_LANE + held.bits / 2 + memory_lut), held.pe * blocks
    else:
        lut += lanes * bits * instance.get_input_datatype(0).bitwidth() / 2
    return {"LUT": models * lut + _choice(models, lanes * bits), "DSP": 0.0, "BRAM": models * bram}


def _product(model: ModelWrapper, node: NodeProto, part: str) -> dict[str, float]:
    """A matrix product and the memories that stream its weights, a bank each."""
    instance, models = layer(node), contents.models(model)
    pe, simd = instance.get_nodeattr("PE"), instance.get_nodeattr("SIMD")
    weights = instance.get_input_datatype(1)
    narrow = model.get_initializer(node.input[1]).min() > weights.min()
    lanes = dsp_lanes(weights.bitwidth(), instance.get_input_datatype(0).bitwidth(), narrow, part)
    memory_lut, blocks = _memory(memory.weights_shape(node), "rom")
    lut = _MVU_LUT + _MVU_LUT_PER_MAC * pe * simd + models * (_STREAMER_LUT + memory_lut)
    lut += _choice(models, memory.weights_shape(node)[1])
    return {"LUT": float(lut), "DSP": float(-(-pe // lanes) * simd), "BRAM": models * blocks}


def total(model: ModelWrapper, part: str) -> dict[str, float]:
    """LUT, DSP and BRAM of the whole graph, by estimate."""
    sums = {"LUT": 0.0, "DSP": 0.0, "BRAM": 0.0}
    for node in model.graph.node:
        for name, value in estimate(model, node, part).items():
            sums[name] += value
    return sums


def without_banks(model: ModelWrapper, part: str) -> dict[str, float]:
    """What `total` would be with one model."""
    alone = ModelWrapper(copy.deepcopy(model.model))
    contents.set_models(alone, 1)
    return total(alone, part)


def shortage(used: dict[str, float], board: Resources) -> str | None:
    """The resources that run out, the scarcest first, as "DSP (240 of 187 usable)", or None where everything fits."""
    usable = {name: getattr(board, name) * USABLE for name in used}
    short = sorted((name for name in used if used[name] > usable[name]), key=lambda name: -used[name] / usable[name])
    return ", ".join(f"{name} ({_counts(used[name], usable[name])} usable)" for name in short) or None


def _counts(used: float, usable: float) -> str:
    digits = 0 if round(used) > round(usable) else 2
    return f"{used:.{digits}f} of {usable:.{digits}f}"
