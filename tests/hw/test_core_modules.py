# SPDX-License-Identifier: BSD-3-Clause
"""The modules that join a core's layers, beside its ops: nothing lost, doubled or reordered under random pauses."""

import random
from pathlib import Path

from shiftcore.artifacts import build_folder
from shiftcore.hw.core import RTL
from shiftcore.hw.netlist import implementation
from shiftcore.sim.stream_bench import Case, Stream, check

SEED = 77


def wrapper(folder: Path, name: str, module: str, parameters: str, widths: dict[str, int], pins: str) -> str:
    """A module of the bench's port convention around one instance; `pins` connects all but clock and reset."""
    ports = ["input wire ap_clk", "input wire ap_rst_n"]
    for stream, bits in widths.items():
        forward, backward = ("input", "output") if stream.startswith("in") else ("output", "input")
        ports += [f"{forward} wire [{bits - 1}:0] {stream}_TDATA", f"{forward} wire {stream}_TVALID"]
        ports += [f"{backward} wire {stream}_TREADY"]
    body = f"    {module} #({parameters}) core (.clk(ap_clk), .rst_n(ap_rst_n), {pins});\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.v"
    path.write_text(f"module {name} (\n    " + ",\n    ".join(ports) + f"\n);\n{body}endmodule\n")
    return str(path)


def words(rng: random.Random, bits: int, count: int) -> list[int]:
    return [rng.getrandbits(bits) for _ in range(count)]


def pacers(folder: Path) -> list[Case]:
    rng, cases = random.Random(SEED), []
    for index in range(20):
        bits, beats = 8 * rng.randint(1, 9), rng.choice((1, 2, rng.randint(3, 40)))
        interval = rng.choice((1, beats, rng.randint(1, 2 * beats)))
        pins = ".s_tdata(in0_TDATA), .s_tvalid(in0_TVALID), .s_tready(in0_TREADY), "
        pins += ".m_tdata(out0_TDATA), .m_tvalid(out0_TVALID), .m_tready(out0_TREADY)"
        parameters = f".WIDTH({bits}), .BEATS({beats}), .INTERVAL({interval})"
        name = f"pacer{index}"
        source = wrapper(folder, name, "frame_pacer", parameters, {"in0": bits, "out0": bits}, pins)
        stream = Stream(bits, beats, words(rng, bits, 12 * beats))
        cases.append(
            Case(
                module=name,
                about=f"frame_pacer {parameters}",
                sources=[str(RTL / "frame_pacer.sv"), source],
                inputs={"in0": stream},
                outputs={"out0": stream},
                cycles=beats if interval <= beats else None,
            )
        )
    return cases


def fanouts(folder: Path) -> list[Case]:
    rng, cases = random.Random(SEED), []
    for index, readers in enumerate((1, 1, 2, 3, 4, 7, 12)):
        depth = rng.choice((2, 4, 16))
        outputs = [f"out{i}" for i in range(readers)]

        def joined(signal: str, outputs: list[str] = outputs) -> str:
            return "{" + ", ".join(f"{o}_{signal}" for o in reversed(outputs)) + "}"

        pins = ".s_tdata(in0_TDATA), .s_tvalid(in0_TVALID), .s_tready(in0_TREADY), "
        pins += f".m_tdata({joined('TDATA')}), .m_tvalid({joined('TVALID')}), .m_tready({joined('TREADY')})"
        parameters = f".N({readers}), .WIDTH(8), .DEPTH({depth})"
        name = f"fanout{index}"
        source = wrapper(folder, name, "context_fanout", parameters, {"in0": 8} | dict.fromkeys(outputs, 8), pins)
        stream = Stream(8, 1, words(rng, 8, 200))
        cases.append(
            Case(
                module=name,
                about=f"context_fanout {parameters}",
                sources=[str(RTL / "context_fanout.sv"), source],
                inputs={"in0": stream},
                outputs=dict.fromkeys(outputs, stream),
                cycles=1,
            )
        )
    return cases


def test_frame_pacer_passes_every_beat() -> None:
    folder = build_folder() / "tests" / "frame_pacer"
    assert check("frame_pacer_bench", pacers(folder), folder, SEED) == 3


def test_context_fanout_gives_every_word_to_every_reader() -> None:
    folder = build_folder() / "tests" / "context_fanout"
    assert check("context_fanout_bench", fanouts(folder), folder, SEED) == 3


def test_their_netlists_do_the_same() -> None:
    folder = build_folder() / "tests" / "core_modules_netlist"
    cases = pacers(folder)[:6] + fanouts(folder)
    assert check("core_modules_netlist", cases, folder, SEED, implementation(folder / "synthesis")) == 3
