# SPDX-License-Identifier: BSD-3-Clause
"""Max pooling as a network has it: FINN's own passes make a window generator and our pool; both run in Verilator."""

from pathlib import Path

import numpy as np
from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes

from shiftcore.artifacts import build_folder
from shiftcore.sim.stream_bench import Case, Stream, check, pack

PART = "xc7z020clg400-1"
SEED = 5

# height, width, channels, kernel, stride, type, PE
POOLS = [
    (6, 6, 4, 2, 2, "UINT4", 2),
    (7, 7, 6, 3, 2, "INT4", 1),
    (5, 6, 3, 3, 1, "UINT8", 3),
    (4, 4, 8, 2, 2, "INT3", 4),
]


def pooling(height: int, width: int, channels: int, kernel: int, stride: int, datatype: str) -> ModelWrapper:
    """A model of one max pooling in NHWC."""
    sizes = [(size - kernel) // stride + 1 for size in (height, width)]
    node = helper.make_node(
        "MaxPoolNHWC",
        ["x"],
        ["y"],
        domain="qonnx.custom_op.general",
        kernel_shape=[kernel, kernel],
        strides=[stride, stride],
        pads=[0, 0, 0, 0],
    )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, height, width, channels]), ("y", [1, *sizes, channels]))
    ]
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    model = ModelWrapper(
        helper.make_model(helper.make_graph([node], "pool", ends[:1], ends[1:]), opset_imports=domains)
    )
    for tensor in ("x", "y"):
        model.set_tensor_datatype(tensor, DataType[datatype])
    return model


def chain(name: str, model: ModelWrapper, folder: Path) -> list[str]:
    """Write the module `name`, the model's two nodes in a row; return all source files."""
    window, pool = model.graph.node
    bits = getCustomOp(window).get_outstream_width_padded()
    ends = {
        "in0_V": getCustomOp(window).get_instream_width_padded(),
        "out0_V": getCustomOp(pool).get_outstream_width_padded(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.v"
    path.write_text(
        f"module {name} (input ap_clk, input ap_rst_n,\n"
        f"    input [{ends['in0_V'] - 1}:0] in0_V_TDATA, input in0_V_TVALID, output in0_V_TREADY,\n"
        f"    output [{ends['out0_V'] - 1}:0] out0_V_TDATA, output out0_V_TVALID, input out0_V_TREADY);\n"
        f"    wire [{bits - 1}:0] data; wire valid, ready;\n"
        f"    {window.name} window (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .in0_V_TDATA(in0_V_TDATA),\n"
        "        .in0_V_TVALID(in0_V_TVALID), .in0_V_TREADY(in0_V_TREADY),\n"
        "        .out0_V_TDATA(data), .out0_V_TVALID(valid), .out0_V_TREADY(ready));\n"
        f"    {pool.name} pool (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .in0_V_TDATA(data), .in0_V_TVALID(valid),\n"
        "        .in0_V_TREADY(ready), .out0_V_TDATA(out0_V_TDATA), .out0_V_TVALID(out0_V_TVALID),\n"
        "        .out0_V_TREADY(out0_V_TREADY));\nendmodule\n"
    )
    return [str(file) for node in (window, pool) for file in getCustomOp(node).get_rtl_file_list(abspath=True)] + [
        str(path)
    ]


def test_window_generator_feeds_the_pool() -> None:
    folder, rng, cases = build_folder() / "benches" / "pool_with_window", np.random.default_rng(SEED), []
    print(f"seed {SEED}")
    for k, (height, width, channels, kernel, stride, datatype, pe) in enumerate(POOLS):
        reference = pooling(height, width, channels, kernel, stride, datatype)
        model = reference.transform(InferPool()).transform(InferConvInpGen())
        model = model.transform(InferShapes()).transform(InferDataTypes())
        low, high = int(DataType[datatype].min()), int(DataType[datatype].max())
        frames = list(rng.integers(low, high, (4, 1, height, width, channels), endpoint=True).astype(np.float32))
        pooled = [execute_onnx(reference, {"x": frame})["y"] for frame in frames]
        for frame, expected in zip(frames, pooled, strict=True):
            assert np.array_equal(execute_onnx(model, {"x": frame})["y"], expected)
        model = model.transform(SpecializeLayers(PART)).transform(GiveUniqueNodeNames(prefix=f"p{k}_"))
        window, pool = model.graph.node
        assert (window.op_type, pool.op_type) == ("ConvolutionInputGenerator_rtl", "Pool_rtl")
        getCustomOp(window).set_nodeattr("SIMD", pe)
        getCustomOp(pool).set_nodeattr("PE", pe)
        model = model.transform(PrepareIP(PART, 10.0))
        inputs, outputs = Stream(0, 0, []), Stream(0, 0, [])
        bits = DataType[datatype].bitwidth()
        for stream, tensors in ((inputs, frames), (outputs, pooled)):
            stream.bits, stream.frame = -(-pe * bits // 8) * 8, tensors[0].size // pe
            stream.words = [word for values in tensors for word in pack(values.reshape(-1, pe), bits)]
        sources = chain(f"pooling_{k}", model, folder)
        about = f"window and pool {height}x{width}x{channels}, kernel {kernel}, stride {stride}, {datatype}, PE={pe}"
        cases.append(Case(f"pooling_{k}", about, sources, {"in0_V": inputs}, {"out0_V": outputs}, None))
    assert check("pool_with_window", cases, folder, SEED) == 3
