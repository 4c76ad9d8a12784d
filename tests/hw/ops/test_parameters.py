# SPDX-License-Identifier: BSD-3-Clause
"""What an op or a module cannot be built with is refused, in Python and again in SystemVerilog."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shiftcore.errors import UserError
from shiftcore.hw.formal.block import Parameters
from shiftcore.hw.lint import Module, lint, modules
from shiftcore.hw.ops import OURS
from shiftcore.hw.ops.bench import make_node
from shiftcore.sim.verilator import environment

SHIFT: dict[str, Any] = {
    "NumChannels": 16,
    "ShiftChannels": 4,
    "PE": 1,
    "numInputVectors": [1, 4, 4],
    "inputDataType": "UINT4",
}
FORK: dict[str, Any] = {
    "NumChannels": 6,
    "NumOutputStreams": 2,
    "PE": 1,
    "numInputVectors": [1, 4, 4],
    "inputDataType": "UINT4",
}
POOL: dict[str, Any] = {
    "Channels": 6,
    "PE": 1,
    "KernelSize": [2, 2],
    "Function": "MaxPool",
    "OutImgDims": [2, 2],
    "InputDataType": "INT4",
    "OutputDataType": "INT4",
}
ADD: dict[str, Any] = {
    "lhs_dtype": "UINT4",
    "rhs_dtype": "INT4",
    "out_dtype": "INT6",
    "lhs_shape": [1, 2, 2, 4],
    "rhs_shape": [1, 2, 2, 4],
    "out_shape": [1, 2, 2, 4],
}
SUM: dict[str, Any] = {"NumChannels": 6, "PE": 1, "numInputVectors": [1, 4, 4], "inputDataType": "UINT4"}


@pytest.mark.parametrize(
    ("channels", "shifted", "legal"),
    [
        (16, 2, [1, 2, 4, 8, 16]),  # a beat may hold all shifted channels and others
        (16, 16, [1, 2, 4, 8, 16]),
        (12, 4, [1, 2, 4, 6, 12]),  # 3 would split the shifted channels: 3 + 1
        (24, 3, [1, 3, 4, 6, 8, 12, 24]),  # 2 would split them: 2 + 1
        (7, 5, [1, 7]),
    ],
)
def test_foldings_of_the_shift(channels: int, shifted: int, legal: list[int]) -> None:
    inst = make_node("TemporalShift", "dut", **SHIFT | {"NumChannels": channels, "ShiftChannels": shifted})
    assert inst.foldings() == legal


def test_foldings_divide_the_channels() -> None:
    assert make_node("DuplicateStreams", "dut", outputs=2, **FORK).foldings() == [1, 2, 3, 6]
    assert make_node("GlobalAccPool", "dut", **SUM).foldings() == [1, 2, 3, 6]
    assert make_node("Pool", "dut", **POOL).foldings() == [1, 2, 3, 6]
    assert make_node("StreamAdd", "dut", inputs=2, **ADD).foldings() == [1, 2, 4]


@pytest.mark.parametrize(
    ("op", "attributes", "message"),
    [
        ("TemporalShift", SHIFT | {"ShiftChannels": 17}, "ShiftChannels=17 must be 1 to NumChannels=16"),
        ("TemporalShift", SHIFT | {"ShiftChannels": 0}, "ShiftChannels=0 must be 1"),
        ("TemporalShift", SHIFT | {"Streams": 129}, "Streams=129 must be 1 to 128"),
        ("TemporalShift", SHIFT | {"Streams": 0}, "Streams=0 must be 1 to 128"),
        ("TemporalShift", SHIFT | {"ShiftChannels": 3, "PE": 2}, "PE=2 is not possible; use one of 1, 4, 8, 16"),
        ("TemporalShift", SHIFT | {"PE": 5}, "PE=5 is not possible; use one of 1, 2, 4, 8, 16"),
        ("TemporalShift", SHIFT | {"numInputVectors": [2, 4, 4]}, "must be one frame"),
        ("TemporalShift", SHIFT | {"inputDataType": "BIPOLAR"}, "BIPOLAR is not supported"),
        ("TemporalShift", SHIFT | {"inputDataType": "FLOAT32"}, "FLOAT32 is not supported"),
        ("DuplicateStreams", FORK | {"NumOutputStreams": 3}, "NumOutputStreams=3 must be 2 or more and equal"),
        ("DuplicateStreams", FORK | {"PE": 4}, "PE=4 is not possible; use one of 1, 2, 3, 6"),
        ("StreamAdd", ADD | {"out_dtype": "INT5"}, "out_dtype=INT5 is not the type of UINT4 + INT4, INT6"),
        ("StreamAdd", ADD | {"rhs_shape": [1, 1, 1, 4]}, "does not broadcast"),
        ("StreamAdd", ADD | {"rhs_style": "const"}, "takes two streams"),
        ("StreamAdd", ADD | {"PE": 3}, "PE=3 is not possible; use one of 1, 2, 4"),
        ("GlobalAccPool", SUM | {"numInputVectors": [4]}, "must be one frame"),
        ("GlobalAccPool", SUM | {"PE": 4}, "PE=4 is not possible"),
        ("Pool", POOL | {"Function": "AvgPool"}, "AvgPool has no RTL; use max pooling"),
        ("Pool", POOL | {"KernelSize": [2]}, "must be [height, width]"),
        ("Pool", POOL | {"PE": 5}, "PE=5 is not possible"),
    ],
)
def test_an_impossible_node_is_refused(tmp_path: Path, op: str, attributes: dict[str, Any], message: str) -> None:
    tensors = {"inputs": 2} if op == "StreamAdd" else {"outputs": 2} if op == "DuplicateStreams" else {}
    inst = make_node(op, "bad_node", **tensors, **attributes)
    inst.set_nodeattr("code_gen_dir_ipgen", str(tmp_path))
    with pytest.raises(UserError, match=f"^bad_node: .*{re.escape(message)}"):
        inst.generate_hdl(None, "xc7z020clg400-1", 10.0)
    assert not list(tmp_path.iterdir())


CORNERS = {op.source.stem: op.corners for op in OURS}
IMPOSSIBLE: list[tuple[str, Parameters, str]] = [
    ("temporal_shift", CORNERS["temporal_shift"][1] | {"SHIFT": 17}, "SHIFT = 17 must be 1 to CHANNELS = 16"),
    ("temporal_shift", CORNERS["temporal_shift"][1] | {"PE": 5}, "PE = 5 must divide CHANNELS = 16"),
    ("temporal_shift", CORNERS["temporal_shift"][1] | {"SHIFT": 3, "PE": 2}, "PE = 2 must divide CHANNELS = 16, and"),
    ("temporal_shift", CORNERS["temporal_shift"][1] | {"STREAMS": 129}, "STREAMS = 129 must be 1 to 128"),
    ("temporal_shift", CORNERS["temporal_shift"][1] | {"RAM_STYLE": "ultra"}, "RAM_STYLE = ultra must be block"),
    ("stream_fork", {"WIDTH": 8, "OUTPUTS": 1}, "OUTPUTS = 1 must be 2 or above"),
    ("stream_add", CORNERS["stream_add"][2] | {"OUT_BITS": 16}, "OUT_BITS = 16 must be above LHS_BITS = 16"),
    ("global_acc_pool", CORNERS["global_acc_pool"][1] | {"PE": 5}, "PE = 5 must divide CHANNELS = 12"),
    ("max_pool", CORNERS["max_pool"][1] | {"KERNEL": 0}, "KERNEL = 0 and BITS = 4 must be 1 or above"),
]


def test_an_impossible_module_says_so(tmp_path: Path) -> None:
    instances = []
    for k, (module, parameters, _) in enumerate(IMPOSSIBLE):
        values = ", ".join(f'.{key}("{v}")' if isinstance(v, str) else f".{key}({v})" for key, v in parameters.items())
        instances.append(f"{module} #({values}) bad_{k} ();\n")
    top = tmp_path / "top.sv"
    top.write_text("module top;\n" + "".join(instances) + "initial $finish;\nendmodule\n")
    sources = [str(path) for op in OURS for path in (*op.rtl.needs, op.source)]
    assert {module for module, *_ in IMPOSSIBLE} == CORNERS.keys()
    command = ["verilator", "--cc", "--exe", "--build", "--main", "-Wno-lint", "-MAKEFLAGS", "OPT_FAST=-O0"]
    command += ["--top-module", "top"]
    subprocess.run([*command, *sources, str(top)], cwd=tmp_path, env=environment(), check=True, capture_output=True)
    run = [str(tmp_path / "obj_dir" / "Vtop"), "+verilator+error+limit+100"]
    output = subprocess.run(run, capture_output=True, text=True, check=False).stdout
    for k, (module, _, message) in enumerate(IMPOSSIBLE):
        assert re.search(rf"top\.bad_{k}: .*{re.escape(message)}", output), (module, message, output)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.source.stem)
def test_lint_is_clean(module: Module) -> None:
    for parameters in module.sets:
        assert lint(module.source, parameters, module.needs) == ""


def test_lint_complains(tmp_path: Path) -> None:
    source = tmp_path / "narrow.sv"
    source.write_text("module narrow (input logic [3:0] a, output logic [2:0] b);\n    assign b = a;\nendmodule\n")
    assert "WIDTHTRUNC" in lint(source, {})
