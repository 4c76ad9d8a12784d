"""What a layer costs on the FPGA: FINN's estimates, mended where this project measured something else."""

from finn.util.basic import get_dsp_block
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from hw.boards import USABLE, Resources
from hw.dataflow import layer

# FINN estimates no logic for the RTL matrix product. Synthesis of one W4A4 unit of 36 multiply-accumulates
# gave 870 LUTs: the cross-lane correction and adder tree.
_MVU_LUT_PER_MAC = 24


def dsp_lanes(weight_bits: int, activation_bits: int, narrow: bool, part: str) -> int:
    """Multiplications in one DSP slice, as FINN's mvu.sv packs them: weights share the A port, `narrow` ones
    (symmetric range) without a guard bit."""
    port = 25 if get_dsp_block(part) == "DSP48E1" else 27
    return 1 + (port - (not narrow) - weight_bits) // (weight_bits + activation_bits - 1)


def estimate(model: ModelWrapper, node: NodeProto, part: str) -> dict[str, float]:
    """LUT, DSP and BRAM (RAMB36) of one layer, by estimate."""
    instance = layer(node)
    lut = float(instance.lut_estimation(part))
    dsp = float(instance.dsp_estimation(part))
    if node.op_type == "MVAU_rtl":
        pe, simd = instance.get_nodeattr("PE"), instance.get_nodeattr("SIMD")
        weights = instance.get_input_datatype(1)
        narrow = model.get_initializer(node.input[1]).min() > weights.min()
        lanes = dsp_lanes(weights.bitwidth(), instance.get_input_datatype(0).bitwidth(), narrow, part)
        dsp = float(-(-pe // lanes) * simd)
        lut = float(_MVU_LUT_PER_MAC * pe * simd)
    return {"LUT": lut, "DSP": dsp, "BRAM": instance.bram_estimation(part) / 2}


def total(model: ModelWrapper, part: str) -> dict[str, float]:
    """LUT, DSP and BRAM of the whole graph, by estimate."""
    sums = {"LUT": 0.0, "DSP": 0.0, "BRAM": 0.0}
    for node in model.graph.node:
        for name, value in estimate(model, node, part).items():
            sums[name] += value
    return sums


def shortage(used: dict[str, float], board: Resources) -> str | None:
    """The resource that runs out first, as "DSP (240 of 187)", or None where everything fits."""
    shares = {name: used[name] / (getattr(board, name) * USABLE) for name in used}
    worst = max(shares, key=lambda name: shares[name])
    if shares[worst] <= 1:
        return None
    return f"{worst} ({used[worst]:.0f} of {getattr(board, worst) * USABLE:.0f} usable)"
