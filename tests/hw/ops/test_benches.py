# SPDX-License-Identifier: BSD-3-Clause
"""Our ops in Verilator against their Python models: random shapes, foldings, types, frames and pauses."""

import dataclasses
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qonnx.core.datatype import BaseDataType, DataType

from shiftcore.artifacts import build_folder
from shiftcore.hw.netlist import implementation
from shiftcore.hw.ops import foldings
from shiftcore.hw.ops.stream_add import sum_type
from shiftcore.quant import temporal
from shiftcore.sim.cocotb_runner import BenchError
from shiftcore.sim.stream_bench import Case, Stream, check, pack

CASES = 40
NETLISTS = 6  # of each op: synthesis and the cells' models cost more than the RTL
BEATS = 300  # about how many input beats a case has over all its frames
SEED = 2019

MakeNode = Callable[..., Any]
Frames = list[dict[str, np.ndarray]]


def any_type(rng: random.Random, most: int = 8) -> BaseDataType:
    """An integer type of up to `most` bits."""
    signed = rng.random() < 0.5
    return DataType[f"{'INT' if signed else 'UINT'}{rng.randint(2 if signed else 1, most)}"]


def any_values(rng: random.Random, datatype: BaseDataType, shape: tuple[int, ...]) -> np.ndarray:
    """Values of the type, its two ends often among them."""
    low, high = int(datatype.min()), int(datatype.max())
    draws = [rng.choice((low, high, rng.randint(low, high))) for _ in range(math.prod(shape))]
    return np.array(draws, np.float32).reshape(shape)


def frames_for(cycles: int) -> int:
    """So many frames that a case has about BEATS beats, and never fewer than three."""
    return min(24, max(3, BEATS // cycles))


def shuffle_window(inst: Any, values: np.ndarray) -> np.ndarray:
    """A pool's input from im2col order (positions, channels) to the window generator's (groups, positions, PE)."""
    *pixels, _ = values.shape
    kernel, pe = math.prod(map(int, inst.get_nodeattr("KernelSize"))), inst.get_nodeattr("PE")
    return np.moveaxis(values.reshape(*pixels, kernel, -1, pe), -3, -2)


def case(inst: Any, folder: Path, rng: random.Random, before: Callable[[], None] = lambda: None) -> Case:
    """A case of random frames for `inst`: its wrapper generated, what must come from its Python model."""
    node, cycles = inst.onnx_node, int(inst.get_exp_cycles())
    folder.mkdir(parents=True, exist_ok=True)
    inst.set_nodeattr("code_gen_dir_ipgen", str(folder))
    inst.generate_hdl(None, "xc7z020clg400-1", 10.0)
    inputs = [Stream(inst.get_instream_width_padded(i), 0, []) for i in range(len(node.input))]
    outputs = [Stream(inst.get_outstream_width_padded(i), 0, []) for i in range(len(node.output))]
    for _ in range(frames_for(cycles)):
        before()
        context = {name: np.zeros(inst.get_normal_output_shape(i), np.float32) for i, name in enumerate(node.output)}
        for i, name in enumerate(node.input):
            context[name] = any_values(rng, inst.get_input_datatype(i), tuple(inst.get_normal_input_shape(i)))
        inst.execute_node(context, None)
        for i, (name, stream) in enumerate(zip(node.input, inputs, strict=True)):
            values = shuffle_window(inst, context[name]) if node.op_type == "Pool_rtl" else context[name]
            words = pack(values.reshape(inst.get_folded_input_shape(i)), inst.get_input_datatype(i).bitwidth())
            stream.frame = len(words)
            stream.words += words
        for i, (name, stream) in enumerate(zip(node.output, outputs, strict=True)):
            values = context[name].reshape(inst.get_folded_output_shape(i))
            words = pack(values, inst.get_output_datatype(i).bitwidth())
            stream.frame = len(words)
            stream.words += words
    return Case(
        module=node.name,
        about=f"{node.op_type} {', '.join(f'{key}={value}' for key, value in inst.parameters().items())}",
        sources=inst.get_rtl_file_list(abspath=True),
        inputs={f"in{i}_V": stream for i, stream in enumerate(inputs)},
        outputs={f"out{i}_V": stream for i, stream in enumerate(outputs)},
        cycles=cycles,
    )


def image(rng: random.Random) -> list[int]:
    """One frame's pixels, often a single one."""
    return [1, 1, 1] if rng.random() < 0.2 else [1, rng.randint(1, 4), rng.randint(1, 4)]


def set_any_folding(inst: Any, rng: random.Random) -> Any:
    """Give `inst` one of its legal PE."""
    inst.set_nodeattr("PE", rng.choice(foldings(inst)))
    return inst


def temporal_shifts(make_node: MakeNode, folder: Path, rng: random.Random) -> Iterator[Case]:
    """Frames of streams in any order, with clears and streams that the op was not built for."""
    for k in range(CASES):
        channels = rng.choice((1, 2, 4, 6, 8, 12, 16, 24))
        shifted = channels if k % 8 == 0 else rng.randint(1, channels)
        streams = rng.choice((1, 2, 3, 4, 7, 32, 128))
        inst = make_node(
            "TemporalShift",
            f"shift_{k}",
            NumChannels=channels,
            ShiftChannels=shifted,
            Streams=streams,
            numInputVectors=[1, 1, 1] if k % 8 == 1 else image(rng),
            inputDataType=any_type(rng).name,
        )
        if k % 8 == 1:  # one-beat frames
            inst.set_nodeattr("PE", channels)
        else:
            set_any_folding(inst, rng)
        words: list[int] = []
        used = [rng.randrange(128) for _ in range(2)] + [rng.randrange(streams) for _ in range(3)]

        def begin(words: list[int] = words, used: list[int] = used) -> None:
            stream, clear = rng.choice(used), rng.random() < 0.15
            temporal.begin_frame(stream, clear)
            words.append(clear << 7 | stream)

        temporal.reset()
        one = case(inst, folder, rng, begin)
        one.inputs["ctx_V"] = Stream(8, 1, words)
        yield one


def duplicate_streams(make_node: MakeNode, folder: Path, rng: random.Random) -> Iterator[Case]:
    """Two to five outputs."""
    for k in range(CASES):
        outputs = rng.randint(2, 5)
        inst = make_node(
            "DuplicateStreams",
            f"fork_{k}",
            outputs=outputs,
            NumChannels=rng.randint(1, 16),
            NumOutputStreams=outputs,
            PE=1,
            numInputVectors=image(rng),
            inputDataType=any_type(rng).name,
        )
        yield case(set_any_folding(inst, rng), folder, rng)


def stream_adds(make_node: MakeNode, folder: Path, rng: random.Random) -> Iterator[Case]:
    """Two types of any width and sign."""
    for k in range(CASES):
        lhs, rhs, shape = any_type(rng, 16), any_type(rng, 16), [*image(rng), rng.randint(1, 16)]
        inst = make_node(
            "StreamAdd",
            f"add_{k}",
            inputs=2,
            lhs_dtype=lhs.name,
            rhs_dtype=rhs.name,
            out_dtype=sum_type(lhs, rhs).name,
            lhs_shape=shape,
            rhs_shape=shape,
            out_shape=shape,
        )
        yield case(set_any_folding(inst, rng), folder, rng)


def global_acc_pools(make_node: MakeNode, folder: Path, rng: random.Random) -> Iterator[Case]:
    """Frames from one pixel on."""
    for k in range(CASES):
        inst = make_node(
            "GlobalAccPool",
            f"sum_{k}",
            NumChannels=rng.randint(1, 16),
            PE=1,
            numInputVectors=image(rng),
            inputDataType=any_type(rng).name,
        )
        yield case(set_any_folding(inst, rng), folder, rng)


def pools(make_node: MakeNode, folder: Path, rng: random.Random) -> Iterator[Case]:
    """Windows from 1x1 to 3x3."""
    for k in range(CASES):
        datatype = any_type(rng).name
        inst = make_node(
            "Pool",
            f"pool_{k}",
            Channels=rng.randint(1, 12),
            PE=1,
            KernelSize=[rng.randint(1, 3), rng.randint(1, 3)],
            Function="MaxPool",
            OutImgDims=image(rng)[1:],
            InputDataType=datatype,
            OutputDataType=datatype,
        )
        yield case(set_any_folding(inst, rng), folder, rng)


OPS = (temporal_shifts, duplicate_streams, stream_adds, global_acc_pools, pools)


@pytest.mark.parametrize("cases", OPS)
def test_rtl_equals_python_model(cases: Callable[..., Iterator[Case]], make_node: MakeNode) -> None:
    folder = build_folder() / "benches" / cases.__name__
    print(f"seed {SEED}")
    made = list(cases(make_node, folder, random.Random(f"{cases.__name__} {SEED}")))
    assert len(made) == CASES
    assert check(cases.__name__, made, folder, SEED) == 3


def test_netlist_equals_python_model(make_node: MakeNode) -> None:
    """The cells that synthesis makes of each op, over several parameter sets."""
    folder = build_folder() / "benches" / "netlists"
    made: list[Case] = []
    for cases in OPS:
        every = list(cases(make_node, folder, random.Random(f"netlist {cases.__name__} {SEED}")))
        in_block_ram = [case for case in every[NETLISTS:] if "RAM_STYLE=block" in case.about]
        made += every[:NETLISTS] + in_block_ram[:1]
    assert check("netlists", made, folder, SEED, implementation(folder / "synthesis")) == 3
    text = (folder / "synthesis" / "netlist.v").read_text()
    assert "  RAMB" in text and "  RAM32M " in text and "  LUT6 " in text and "  FDRE " in text


def test_a_wrong_cell_is_found(make_node: MakeNode) -> None:
    """One LUT of an adder's netlist with a bit of its table turned."""
    folder = build_folder() / "benches" / "wrong_cell"

    def broken(files: list[Path], top: str) -> Path:
        file = implementation(folder / "synthesis")(files, top)
        text = file.read_text()
        file.write_text(text.replace(".INIT(4'h6)", ".INIT(4'h7)", 1))
        assert file.read_text() != text
        return file

    adder = next(stream_adds(make_node, folder, random.Random(SEED)))
    with pytest.raises(BenchError, match=r"StreamAdd_rtl .* expected"):
        check("wrong_cell", [adder], folder, SEED, broken)


def test_a_difference_is_named(make_node: MakeNode) -> None:
    folder = build_folder() / "benches" / "difference"
    inst = make_node("GlobalAccPool", "dut", NumChannels=4, PE=2, numInputVectors=[1, 2, 2], inputDataType="UINT4")
    right = case(inst, folder, random.Random(SEED))

    words = [word ^ (k == 3) for k, word in enumerate(right.outputs["out0_V"].words)]
    wrong = dataclasses.replace(right, outputs={"out0_V": dataclasses.replace(right.outputs["out0_V"], words=words)})
    told = (
        f"GlobalAccPool_rtl CHANNELS=4, .*, dut_out0_V, frame 1, beat 1: expected {words[3]:#x}, got {words[3] ^ 1:#x}"
    )
    with pytest.raises(BenchError, match=told):
        check("difference", [wrong], folder, SEED)

    frames = len(right.inputs["in0_V"].words) // 8
    told = f"GlobalAccPool_rtl .*: {frames} frames took {8 * frames} cycles, expected {frames} x 9"
    with pytest.raises(BenchError, match=told):
        check("difference", [dataclasses.replace(right, cycles=9)], folder, SEED)

    shorter = dataclasses.replace(right.outputs["out0_V"], words=right.outputs["out0_V"].words[:-1])
    with pytest.raises(BenchError, match="expected no more words"):
        check("difference", [dataclasses.replace(right, outputs={"out0_V": shorter})], folder, SEED)
