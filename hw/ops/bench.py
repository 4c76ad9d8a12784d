# SPDX-License-Identifier: BSD-3-Clause
"""An op's bench: random cases, each a node, its wrapper, frames for it, and what must come out by its Python model."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.custom_op.registry import getCustomOp

from shiftcore.hw.ops.registry import Op
from shiftcore.sim.stream_bench import Case, Stream, check, pack

BEATS = 300  # about how many input beats a case has over all its frames
PART = "xc7z020clg400-1"


def draws(op: Op, count: int, folder: Path, seed: str) -> list[Case]:
    """The first `count` random cases of an op, always the same for a seed; their wrappers lie in `folder`."""
    rng = random.Random(f"{op.name} {seed}")
    return [op.draw(number, folder, rng) for number in range(count)]


def run(op: Op, folder: Path, count: int = 40, seed: int = 1) -> int:
    """Simulate `count` random cases in one Verilator build, in `folder`: nobody pauses, everybody does at random, and a
    reset comes in the middle of a frame. Returns how many tests that were; raises sim.cocotb_runner.BenchError, which
    names op, parameters, stream, frame and beat, where one fails."""
    return check(f"{op.source.stem}_bench", draws(op, count, folder, str(seed)), folder, seed)


def make_node(op: str, name: str, inputs: int = 1, outputs: int = 1, **attributes: Any) -> Any:
    """FINN's object for the RTL of a node called `name` with that many tensors; `op` is its op type without the back
    end."""
    node = helper.make_node(
        f"{op}_rtl",
        [f"{name}_in{i}" for i in range(inputs)],
        [f"{name}_out{i}" for i in range(outputs)],
        name=name,
        domain="finn.custom_op.fpgadataflow.rtl",
        backend="fpgadataflow",
        **attributes,
    )
    return getCustomOp(node)


def any_folding(inst: Any, rng: random.Random) -> Any:
    """Give `inst` one of its legal PE."""
    inst.set_nodeattr("PE", rng.choice(inst.foldings()))
    return inst


def any_type(rng: random.Random, most: int = 8) -> BaseDataType:
    """An integer type of up to `most` bits."""
    signed = rng.random() < 0.5
    return DataType[f"{'INT' if signed else 'UINT'}{rng.randint(2 if signed else 1, most)}"]


def any_image(rng: random.Random) -> list[int]:
    """One frame's pixels as FINN's numInputVectors, often a single one."""
    return [1, 1, 1] if rng.random() < 0.2 else [1, rng.randint(1, 4), rng.randint(1, 4)]


def any_values(rng: random.Random, datatype: BaseDataType, shape: tuple[int, ...]) -> np.ndarray:
    """Values of the type, its two ends often among them."""
    low, high = int(datatype.min()), int(datatype.max())
    draws = [rng.choice((low, high, rng.randint(low, high))) for _ in range(math.prod(shape))]
    return np.array(draws, np.float32).reshape(shape)


def frames_for(cycles: int) -> int:
    """So many frames that a case has about BEATS beats, and never fewer than three."""
    return min(24, max(3, BEATS // cycles))


def case(inst: Any, folder: Path, rng: random.Random, before: Callable[[], None] = lambda: None) -> Case:
    """A case of random frames for `inst`: its wrapper generated into `folder`, what must come from its Python model.
    `before` is called before each frame."""
    node, cycles = inst.onnx_node, int(inst.get_exp_cycles())
    folder.mkdir(parents=True, exist_ok=True)
    inst.set_nodeattr("code_gen_dir_ipgen", str(folder))
    inst.generate_hdl(None, PART, 10.0)
    inputs = [Stream(inst.get_instream_width_padded(i), 0, []) for i in range(len(node.input))]
    outputs = [Stream(inst.get_outstream_width_padded(i), 0, []) for i in range(len(node.output))]
    for _ in range(frames_for(cycles)):
        before()
        context = {name: np.zeros(inst.get_normal_output_shape(i), np.float32) for i, name in enumerate(node.output)}
        for i, name in enumerate(node.input):
            context[name] = any_values(rng, inst.get_input_datatype(i), tuple(inst.get_normal_input_shape(i)))
        inst.execute_node(context, None)
        for i, (name, stream) in enumerate(zip(node.input, inputs, strict=True)):
            beats = inst.as_streamed(context[name]).reshape(inst.get_folded_input_shape(i))
            _append(stream, pack(beats, inst.get_input_datatype(i).bitwidth()))
        for i, (name, stream) in enumerate(zip(node.output, outputs, strict=True)):
            beats = context[name].reshape(inst.get_folded_output_shape(i))
            _append(stream, pack(beats, inst.get_output_datatype(i).bitwidth()))
    return Case(
        module=node.name,
        about=f"{node.op_type} {', '.join(f'{key}={value}' for key, value in inst.parameters().items())}",
        sources=inst.get_rtl_file_list(abspath=True),
        inputs={f"in{i}_V": stream for i, stream in enumerate(inputs)},
        outputs={f"out{i}_V": stream for i, stream in enumerate(outputs)},
        cycles=cycles,
    )


def _append(stream: Stream, words: list[int]) -> None:
    stream.frame = len(words)
    stream.words += words
