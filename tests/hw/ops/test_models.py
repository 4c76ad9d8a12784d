# SPDX-License-Identifier: BSD-3-Clause
"""The ops' Python side: models, registration with FINN's passes, wrappers and estimates."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
from finn.analysis.fpgadataflow.res_estimation import res_estimation
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn.util.data_packing import npy_to_rtlsim_input
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.infer_datatypes import InferDataTypes

from shiftcore.hw.ops.bench import make_node
from shiftcore.hw.ops.stream_add.op import sum_type
from shiftcore.quant import temporal
from shiftcore.sim.stream_bench import pack

PART = "xc7z020clg400-1"


@settings(deadline=None)
@given(
    channels=st.integers(1, 6),
    shifted=st.integers(1, 6),
    streams=st.integers(1, 4),
    frames=st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 2**32 - 1)), max_size=12),
)
def test_shift_model(channels: int, shifted: int, streams: int, frames: list[tuple[int, bool, int]]) -> None:
    shifted = min(shifted, channels)
    inst = make_node(
        "TemporalShift",
        "dut",
        NumChannels=channels,
        ShiftChannels=shifted,
        Streams=streams,
        numInputVectors=[1, 2, 3],
        inputDataType="INT8",
    )
    temporal.reset()
    history: list[tuple[int, np.ndarray]] = []
    for stream, clear, seed in frames:
        frame = np.random.default_rng(seed).integers(-128, 128, (1, 2, 3, channels)).astype(np.float32)
        temporal.begin_frame(stream, clear)
        context = {"dut_in0": frame.copy()}
        inst.execute_node(context, None)
        earlier = [kept for number, kept in history if number == stream]
        expected = frame.copy()
        expected[..., :shifted] = earlier[-1][..., :shifted] if earlier and not clear and stream < streams else 0
        assert np.array_equal(context["dut_out0"], expected)
        history.append((stream, frame))


@given(bits=st.tuples(st.integers(1, 16), st.integers(1, 16)), signs=st.tuples(st.booleans(), st.booleans()))
def test_sum_type_is_the_narrowest_that_holds_every_sum(bits: tuple[int, int], signs: tuple[bool, bool]) -> None:
    lhs, rhs = (DataType[f"INT{b + 1}" if signed else f"UINT{b}"] for b, signed in zip(bits, signs, strict=True))
    total = sum_type(lhs, rhs)
    low, high = lhs.min() + rhs.min(), lhs.max() + rhs.max()
    assert total.signed() == (low < 0)
    assert total.allowed(low) and total.allowed(high)
    narrower = DataType[total.name.rstrip("0123456789") + str(total.bitwidth() - 1)]
    assert not (narrower.allowed(low) and narrower.allowed(high))


@given(values=st.lists(st.lists(st.integers(-8, 7), min_size=3, max_size=3), min_size=1, max_size=5))
def test_packing_is_finns(values: list[list[int]]) -> None:
    beats = np.array(values, np.float32)
    assert pack(beats, 4) == list(npy_to_rtlsim_input(beats, DataType["INT4"], 12))


FRAME = [1, 4, 4, 16]
IMAGE: dict[str, Any] = {"NumChannels": 16, "PE": 2, "numInputVectors": [1, 4, 4], "inputDataType": "UINT4"}
NODES: dict[str, tuple[dict[str, Any], list[list[int]], list[list[int]], int]] = {
    "TemporalShift": (IMAGE | {"ShiftChannels": 2, "Streams": 32}, [FRAME], [FRAME], 128),
    "DuplicateStreams": (IMAGE | {"NumOutputStreams": 3}, [FRAME], [FRAME] * 3, 128),
    "GlobalAccPool": (IMAGE, [FRAME], [[1, 1, 1, 16]], 128),
    "StreamAdd": (
        {
            "PE": 4,
            "lhs_dtype": "UINT4",
            "rhs_dtype": "UINT4",
            "out_dtype": "UINT5",
            "lhs_shape": FRAME,
            "rhs_shape": FRAME,
            "out_shape": FRAME,
        },
        [FRAME] * 2,
        [FRAME],
        64,
    ),
    "Pool": (
        {
            "Channels": 16,
            "PE": 8,
            "KernelSize": [2, 2],
            "Function": "MaxPool",
            "OutImgDims": [2, 2],
            "InputDataType": "UINT4",
            "OutputDataType": "UINT4",
        },
        [[1, 2, 2, 64]],
        [[1, 2, 2, 16]],
        32,
    ),
}
"""Attributes, shapes in, shapes out, cycles a frame."""


def one_node(op: str) -> ModelWrapper:
    """A model of one abstract node, UINT4 throughout."""
    attributes, ins, outs, _ = NODES[op]
    tensors = [helper.make_tensor_value_info(f"in{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(ins)]
    tensors += [helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(outs)]
    node = helper.make_node(
        op,
        [f"in{i}" for i in range(len(ins))],
        [f"out{i}" for i in range(len(outs))],
        domain="finn.custom_op.fpgadataflow",
        backend="fpgadataflow",
        **attributes,
    )
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("finn.custom_op.fpgadataflow", 1)]
    graph = helper.make_graph([node], "one", tensors[: len(ins)], tensors[len(ins) :])
    model = ModelWrapper(helper.make_model(graph, opset_imports=domains))
    for i in range(len(ins)):
        model.set_tensor_datatype(f"in{i}", DataType["UINT4"])
    return model


@pytest.mark.parametrize("op", NODES)
def test_finns_passes_take_the_op(op: str) -> None:
    model = one_node(op).transform(InferDataTypes()).transform(SpecializeLayers(PART)).transform(PrepareIP(PART, 10.0))
    (node,) = model.graph.node
    inst = getCustomOp(node)
    assert node.op_type == f"{op}_rtl"
    assert all(Path(file).is_file() for file in inst.get_rtl_file_list(abspath=True))
    assert [Path(file).name for file in inst.get_rtl_file_list(abspath=True)] == inst.get_rtl_file_list()
    assert inst.get_rtl_file_list()[-1] == f"{node.name}.v"
    assert model.analysis(exp_cycles_per_layer) == {node.name: NODES[op][3]}
    estimate = res_estimation(model, PART)[node.name]
    assert estimate["LUT"] > 0
    assert estimate["DSP"] == estimate["URAM"] == 0
    streams = inst.get_verilog_top_module_intf_names()
    assert [name for name, _ in streams["s_axis"]] == [f"in{i}_V" for i in range(len(node.input))]
    assert [name for name, _ in streams["m_axis"]] == [f"out{i}_V" for i in range(len(node.output))]


@pytest.mark.parametrize("op", NODES)
def test_wrapper_is_the_same_everywhere(op: str, tmp_path: Path) -> None:
    model = one_node(op).transform(InferDataTypes()).transform(SpecializeLayers(PART))
    texts = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        inst = getCustomOp(model.graph.node[0])
        inst.set_nodeattr("code_gen_dir_ipgen", str(folder))
        inst.generate_hdl(model, PART, 10.0)
        texts.add(Path(inst.get_rtl_file_list(abspath=True)[-1]).read_text())
    assert len(texts) == 1
    assert str(tmp_path) not in texts.pop()


def test_stream_add_infers_a_type_that_holds_every_sum() -> None:
    model = one_node("StreamAdd")
    model.set_tensor_datatype("in0", DataType["INT4"])
    model = model.transform(InferDataTypes())
    assert model.get_tensor_datatype("out0").name == "INT6"  # -8 + 0 to 7 + 15; FINN's own rule says INT5


@pytest.mark.parametrize(
    ("pixels", "shifted", "streams", "style", "blocks"),
    [
        (28, 4, 1, "block", 1),  # 784 words of 16 bits
        (8, 8, 1, "distributed", 0),  # 64 words of 32 bits
        (28, 4, 32, "block", 25),  # 25,088 words of 16 bits: 25 of 1024 x 18
        (112, 1, 1, "block", 4),  # 12,544 words of 4 bits: 4 of 4096 x 4
    ],
)
def test_state_memory(  # the shape that one beat of `shifted` channels gives
    pixels: int, shifted: int, streams: int, style: str, blocks: int
) -> None:
    inst = make_node(
        "TemporalShift",
        "dut",
        NumChannels=8 * shifted,
        ShiftChannels=shifted,
        PE=shifted,
        Streams=streams,
        numInputVectors=[1, pixels, pixels],
        inputDataType="UINT4",
    )
    assert (inst.ram_style(), inst.bram_estimation(PART)) == (style, blocks)
    depth, width = inst.memory_shape()
    assert depth * width == pixels * pixels * shifted * 4 * streams
    assert blocks == 0 or blocks * 18 * 1024 * inst.bram_efficiency_estimation(PART) == depth * width
