# SPDX-License-Identifier: BSD-3-Clause
"""Ingest's cycles for whole images of usual sizes, as docs/ingest.md has them: `python -m tests.hw.ingest_rate`.

No test: a full-HD image takes some 200,000 cycles, of which the bench does a few thousand a second.
"""

from itertools import pairwise
from typing import Any

import cocotb
import numpy as np

from shiftcore.artifacts import build_folder, write_json
from shiftcore.sim import cocotb_runner
from tests.hw.axi_bench import RTL, SEED, Instance, play, write_top
from tests.hw.ingest_bench import IngestBench, Plane, ports
from tests.hw.ingest_cocotb import lay, least_cycles

INSTANCE = Instance(
    "rate",
    "ingest",
    {"WIDTH": 112, "HEIGHT": 80, "STREAMS": 2, "ADDR_WIDTH": 33, "TAG_BITS": 12}
    | {"MAX_BURST_BEATS": 16, "WRITE_BURST": 16, "FIFO_WORDS": 512},
)
SIZES = [(352, 288, 4), (640, 360, 4), (1920, 1080, 2)]


class RateBench(IngestBench):
    """With a memory that holds the largest image."""

    size = 1 << 22


async def measure(bench: RateBench) -> None:
    """Images of one stream, one behind the other, from a memory that never waits and from one that does."""
    for latency, stall in ((40, 0.2), (4, 0.0)):
        bench.latency, bench.stalls = latency, dict.fromkeys(bench.stalls, stall)
        for width, height, count in SIZES:
            noise = np.frombuffer(bench.rng.randbytes(width * height), np.uint8).reshape(height, width)
            plane = lay(bench, noise)
            bench.planes.extend(Plane(**vars(plane)) for _ in range(count))
            times = len(bench.done_cycles), bench.cycle
            await bench.finish(2_000_000)
            done = [times[1], *bench.done_cycles[times[0] :]]
            cycles = [after - before for before, after in pairwise(done)]
            least = least_cycles(bench, plane)
            cocotb.log.info(f"RATE {width}x{height}, latency {latency}, stalls {stall}: {cycles}, {least} at least")


@cocotb.test()
async def rates(dut: Any) -> None:
    """All sizes."""
    await play(dut, RateBench, INSTANCE, measure)


def main() -> None:
    """Build, run, and print the lines."""
    from tests.hw.test_ingest import FILES

    folder = build_folder() / "tests" / "ingest_rate"
    folder.mkdir(parents=True, exist_ok=True)
    top = folder / "ingest_rate_bench.sv"
    write_top(top, [INSTANCE], ports)
    write_json(folder / "plan.json", {"seed": SEED})
    cocotb_runner.build(top.stem, [*(RTL / file for file in FILES), top], folder, ["-Wno-lint"])
    cocotb_runner.run(top.stem, "tests.hw.ingest_rate", folder, {"AXI_PLAN": str(folder / "plan.json")}, SEED)
    print("\n".join(line for line in (folder / "run.log").read_text().splitlines() if "RATE" in line))


if __name__ == "__main__":
    main()
