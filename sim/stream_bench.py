# SPDX-License-Identifier: BSD-3-Clause
"""A bench for many small AXI4-Stream modules at once: what is sent, what must come, one Verilator build for all.

Building costs seconds and simulating milliseconds, so all cases of an op share a top and run side by side. The cocotb
tests are in `sim.stream_bench_cocotb`: full speed, random pauses, and a reset in the middle of a frame.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shiftcore.artifacts import lock, write_json
from shiftcore.sim import cocotb_runner


@dataclasses.dataclass
class Stream:
    """Words of one stream, as integers, over all frames; `frame` of them make a frame. `bits` is TDATA's width."""

    bits: int
    frame: int
    words: list[int]


@dataclasses.dataclass
class Case:
    """One module under test.

    `module` is its name, `about` what a failure must tell (op, parameters), `sources` its files. `inputs` and
    `outputs` map its stream names (`in0_V`) to what is sent and what must come after a reset. `cycles` is how many
    cycles a frame takes at full speed, at the first input; None where that is not to be measured.
    """

    module: str
    about: str
    sources: list[str]
    inputs: dict[str, Stream]
    outputs: dict[str, Stream]
    cycles: int | None


def pack(values: np.ndarray, bits: int) -> list[int]:
    """Beats `[..., PE]` as words: lane p in bits `[p * bits, (p + 1) * bits)`, two's complement."""
    lanes = values.reshape(-1, values.shape[-1]).astype(np.int64) & ((1 << bits) - 1)
    return [sum(int(value) << (lane * bits) for lane, value in enumerate(beat)) for beat in lanes]


def check(
    top: str,
    cases: list[Case],
    folder: Path,
    seed: int,
    implement: Callable[[list[Path], str], Path] | None = None,
) -> int:
    """Build the bench `top` of all cases in `folder` and run its tests; return how many tests ran.

    What is simulated is the RTL, or the file that `implement` makes of it, given its files and the name of the top.

    Raises sim.cocotb_runner.BenchError naming case, stream, frame, beat, expected and got.
    """
    with lock(folder):
        plan = folder / "plan.json"
        write_json(plan, {"seed": seed, "cases": [dataclasses.asdict(case) for case in cases]})
        (folder / f"{top}.v").write_text(_top(top, cases))
        files = [Path(file) for file in dict.fromkeys(source for case in cases for source in case.sources)]
        files.append(folder / f"{top}.v")
        if implement is not None:
            files = [implement(files, top)]
        cocotb_runner.build(top, files, folder, optimize="-O0")  # compiling is most of it
        return cocotb_runner.run(
            top, "shiftcore.sim.stream_bench_cocotb", folder, {"STREAM_BENCH_PLAN": str(plan)}, seed
        )


def load(plan: Path) -> tuple[int, list[Case]]:
    """The seed and the cases of a plan that `check` wrote."""
    content = json.loads(plan.read_text())
    cases = [
        Case(
            **case
            | {key: {name: Stream(**stream) for name, stream in case[key].items()} for key in ("inputs", "outputs")}
        )
        for case in content["cases"]
    ]
    return content["seed"], cases


def _top(top: str, cases: list[Case]) -> str:
    ports, instances = ["input wire ap_clk", "input wire ap_rst_n"], []
    for case in cases:
        pins = [".ap_clk(ap_clk)", ".ap_rst_n(ap_rst_n)"]
        for streams, forward, backward in ((case.inputs, "input", "output"), (case.outputs, "output", "input")):
            for name, stream in streams.items():
                port = f"{case.module}_{name}"
                ports += [
                    f"{forward} wire [{stream.bits - 1}:0] {port}_tdata",
                    f"{forward} wire {port}_tvalid",
                    f"{backward} wire {port}_tready",
                ]
                pins += [f".{name}_{pin.upper()}({port}_{pin})" for pin in ("tdata", "tvalid", "tready")]
        instances.append(f"    {case.module} {case.module}_i ({', '.join(pins)});\n")
    return f"module {top} (\n    " + ",\n    ".join(ports) + "\n);\n" + "".join(instances) + "endmodule\n"
