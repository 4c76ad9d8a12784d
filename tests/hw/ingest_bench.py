# SPDX-License-Identifier: BSD-3-Clause
"""What the cocotb tests of ingest share: its ports, planes in a memory that stalls, and the core behind it."""

import random
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from shiftcore.errors import UserError
from shiftcore.model.preprocess import Preprocessor
from tests.hw.axi_bench import Bench, Instance, Ports, Stable

TAG_BITS = 12
ADDRESS_BITS = 33
ORIGIN = 0x1_2345_0000  # of the memory
ERRORS = "size stride window history limit read write"
MAX_WIDTH, MAX_HEIGHT = 4096, 2304


def ports(parameters: dict[str, int]) -> Ports:
    """Those of ingest."""
    inputs = (
        "clk rst_n stop s_plane_restart s_plane_run s_plane_whole s_plane_tvalid m_tready m_axi_arready m_axi_rlast "
        "m_axi_rvalid m_axi_awready m_axi_wready m_axi_bvalid"
    )
    outputs = (
        "quiet busy done s_plane_tready m_first m_last m_tvalid m_axi_arvalid m_axi_rready m_axi_awvalid m_axi_wlast "
        "m_axi_wvalid m_axi_bready"
    )
    addresses = "read_base read_limit history_base history_limit s_plane_address"
    return [
        *(("input", name, 1) for name in inputs.split()),
        *(("input", name, ADDRESS_BITS) for name in addresses.split()),
        *(("input", f"s_plane_{name}", 16) for name in ("stride", "width", "height")),
        ("input", "s_plane_stream", (parameters["STREAMS"] - 1).bit_length()),
        ("input", "s_plane_tag", TAG_BITS),
        ("input", "m_axi_rdata", 64),
        ("input", "m_axi_rresp", 2),
        ("input", "m_axi_bresp", 2),
        *(("output", name, 1) for name in outputs.split()),
        *(("output", f"error_{name}", 1) for name in ERRORS.split()),
        ("output", "m_tdata", 24),
        ("output", "m_tag", TAG_BITS),
        *(("output", f"m_axi_{name}", ADDRESS_BITS) for name in ("araddr", "awaddr")),
        *(("output", f"m_axi_{name}", 8) for name in ("arlen", "awlen", "wstrb")),
        ("output", "m_axi_wdata", 64),
    ]


@dataclass
class Plane:
    """One to be given: what its descriptor says, and the image that is there (None: none is looked at)."""

    address: int
    stride: int
    width: int
    height: int
    image: np.ndarray | None
    stream: int = 0
    restart: bool = False
    run: bool = True
    whole: bool = False
    tag: int = 0
    error: str = ""  # the one that it must be refused with


@dataclass
class Burst:
    """One under way at the memory."""

    word: int
    left: int
    due: int = 0


@dataclass
class Port:
    """The memory's side of the write channels."""

    addresses: deque[Burst] = field(default_factory=deque)
    words: deque[tuple[int, int, int]] = field(default_factory=deque)
    answers: deque[int] = field(default_factory=deque)  # cycles they are due


class IngestBench(Bench):
    """Planes, memory and the core around one ingest. `planes` are those to be given; every beat, strobe and pulse is
    compared with what `Preprocessor` makes of those taken so far.
    """

    size = 1 << 20  # bytes of the memory

    def __init__(self, dut: Any, instance: Instance, rng: random.Random) -> None:
        super().__init__(dut, instance, ports(instance.parameters), rng)
        p = instance.parameters
        self.width, self.height, self.streams = p["WIDTH"], p["HEIGHT"], p["STREAMS"]
        self.history_bytes = 4 * self.width * self.height
        shape = SimpleNamespace(height=self.height, width=self.width)
        self.model = Preprocessor(
            SimpleNamespace(input=shape, preprocess=SimpleNamespace(representation="motion", run_every=1))  # type: ignore[arg-type]
        )
        self.memory = np.frombuffer(bytearray(rng.randbytes(self.size)), np.uint8)
        self.latency, self.core_pause, self.plane_pause = 0, 0.0, 0.0
        self.stalls = dict.fromkeys(("ar", "r", "aw", "w", "b"), 0.0)
        self.read_fault = self.write_fault = False  # the next answer is an error
        self.planes: deque[Plane] = deque()
        self.counts = dict.fromkeys([*ERRORS.split(), "done", "inputs"], 0)
        self.expected = dict(self.counts)
        self.stopping = self.failed = False
        self.first_cycles: list[int] = []
        self.done_cycles: list[int] = []
        self.gaps = 0
        self._plane: Plane | None = None
        self._refused = ""
        self._inputs: deque[tuple[list[int], int]] = deque()
        self._beat = 0
        self._reads: deque[Burst] = deque()
        self._port = Port()
        self._offered = {"ar": False, "aw": False, "w": False}
        self._core = Stable(self, "core", "m_tvalid", "m_tready", ("m_tdata", "m_tag", "m_first", "m_last"))
        self._ar = Stable(self, "AR", "m_axi_arvalid", "m_axi_arready", ("m_axi_araddr", "m_axi_arlen"))
        self._aw = Stable(self, "AW", "m_axi_awvalid", "m_axi_awready", ("m_axi_awaddr", "m_axi_awlen"))
        self._w = Stable(self, "W", "m_axi_wvalid", "m_axi_wready", ("m_axi_wdata", "m_axi_wstrb", "m_axi_wlast"))
        self._was_quiet = False
        self.histories = -(-self.streams * self.history_bytes // 8) * 8
        self.windows(self.histories + 4096, self.size)
        self.free = self.low  # where the next plane may be laid

    def windows(self, low: int, high: int, short: int = 0) -> None:
        """Grant memory's bytes from `low` to `high` to planes, and its first ones to the histories, `short` too few."""
        self.low, self.high = low, high
        self.set("read_base", ORIGIN + low)
        self.set("read_limit", ORIGIN + high)
        self.set("history_base", ORIGIN)
        self.set("history_limit", ORIGIN + self.histories - short)

    def idle(self) -> bool:
        """Nothing to be given, read, kept or delivered."""
        return not (self.planes or self._plane or self._inputs or self._refused or self.get("busy"))

    def under_way(self) -> bool:
        """Whether the memory owes an answer, or has something on offer."""
        port = self._port
        return bool(self._reads or port.addresses or port.words or port.answers or any(self._offered.values()))

    # -- the inputs of a cycle ------------------------------------------------------------------------------------

    def drive(self) -> None:
        """A plane, the memory's channels, the core's ready."""
        if self._plane is None and self.planes and not self.chance(self.plane_pause):
            self._plane = self.planes.popleft()
            self._offer(self._plane)
        self.set("s_plane_tvalid", int(self._plane is not None))
        for channel in ("ar", "aw", "w"):
            self.set(f"m_axi_{channel}ready", int(not self.chance(self.stalls[channel])))
        valid = bool(self._reads) and self._reads[0].due <= self.cycle and not self.chance(self.stalls["r"])
        self.set("m_axi_rvalid", int(valid))
        if valid:
            burst = self._reads[0]
            start = 8 * burst.word - ORIGIN
            self.set("m_axi_rdata", int.from_bytes(self.memory[start : start + 8].tobytes(), "little"))
            self.set("m_axi_rlast", int(burst.left == 1))
            self.set("m_axi_rresp", 2 if self.read_fault else self.rng.randrange(2))
        answers = self._port.answers
        valid = bool(answers) and answers[0] <= self.cycle and not self.chance(self.stalls["b"])
        self.set("m_axi_bvalid", int(valid))
        if valid:
            self.set("m_axi_bresp", 3 if self.write_fault else self.rng.randrange(2))
        self.set("m_tready", int(not self.chance(self.core_pause)))

    def _offer(self, plane: Plane) -> None:
        plane.tag = self.rng.getrandbits(TAG_BITS)
        for name in ("address", "stride", "width", "height", "stream", "restart", "run", "whole", "tag"):
            self.set(f"s_plane_{name}", int(getattr(plane, name)))

    # -- what the module does in a cycle --------------------------------------------------------------------------

    def sample(self) -> None:
        """Compare it with what it should do."""
        self._sample_pulses()
        self._sample_read()
        self._sample_write()
        self._sample_core()
        self._sample_plane()
        quiet = bool(self.get("quiet"))
        self.check(not quiet or not (self._reads or self._port.answers), "quiet with bursts under way")
        self.check(not (self.stopping and self._was_quiet) or quiet, "quiet fell during a stop")
        self._was_quiet = quiet and self.stopping
        if self.stopping:
            self._inputs.clear()
            self._beat, self._refused = 0, ""
            self.expected = dict(self.counts)

    def _sample_pulses(self) -> None:
        for name in ERRORS.split():
            if self.get(f"error_{name}"):
                self.counts[name] += 1
                if name in ("size", "stride", "window"):
                    self.check(name == self._refused, f"error_{name}, expected {self._refused or 'none'}")
                elif name != "history":
                    self.failed = True
            else:
                self.check(name != self._refused, f"no error_{name}")
        self._refused = ""
        if self.get("done"):
            self.counts["done"] += 1
            self.done_cycles.append(self.cycle)

    def _sample_read(self) -> None:
        self.check(self.get("m_axi_rready") == 1, "rready is low")
        if self._driven["m_axi_rvalid"]:
            burst = self._reads[0]
            burst.word, burst.left = burst.word + 1, burst.left - 1
            if not burst.left:
                self._reads.popleft()
        new, taken, values = self._ar.sample()
        if new:
            self._check_burst(values[0], values[1] + 1, self.parameters["MAX_BURST_BEATS"])
        self._offered["ar"] = bool(values) and not taken
        if taken:
            self._reads.append(Burst(values[0] // 8, values[1] + 1, self.cycle + 1 + self.latency))
            self.check(len(self._reads) <= 16, "more than 16 bursts under way")

    def _check_burst(self, address: int, beats: int, most: int, write: bool = False) -> None:
        first, behind = address - ORIGIN, address - ORIGIN + 8 * beats
        in_histories = first >= 0 and behind <= self.histories
        in_window = not write and self.low <= first and behind <= self.high
        self.check(in_histories or in_window, f"{beats} words at {address:#x} are outside what was granted")
        self.check(beats <= most, f"burst of {beats}")
        self.check(address // 4096 == (address + 8 * beats - 1) // 4096, f"{beats} at {address:#x} cross 4 KB")

    def _sample_write(self) -> None:
        port = self._port
        self.check(self.get("m_axi_bready") == 1, "bready is low")
        if self._driven["m_axi_bvalid"]:
            port.answers.popleft()
        new, taken, values = self._aw.sample()
        if new:
            self._check_burst(values[0], values[1] + 1, self.parameters["WRITE_BURST"], write=True)
        self._offered["aw"] = bool(values) and not taken
        if taken:
            port.addresses.append(Burst(values[0] // 8, values[1] + 1))
        _, taken, words = self._w.sample()
        self._offered["w"] = bool(words) and not taken
        if taken:
            self.check(words[1] in (0, 0x11, 0x22, 0x44, 0x88), f"strobes {words[1]:#x} are not of one lane")
            port.words.append((words[0], words[1], words[2]))
        while port.addresses and port.words:
            data, strobes, last = port.words.popleft()
            burst = port.addresses[0]
            for i in (i for i in range(8) if strobes >> i & 1):
                self.memory[8 * burst.word - ORIGIN + i] = data >> 8 * i & 255
            burst.word, burst.left = burst.word + 1, burst.left - 1
            self.check(last == int(not burst.left), f"wlast is {last} with {burst.left} words left")
            if last:
                port.addresses.popleft()
                port.answers.append(self.cycle + 1 + self.latency)

    def _sample_core(self) -> None:
        if self.stopping:
            self.check(not self.get("m_tvalid"), "offered a beat while stopped")
            self._core.forget()
            return
        _, taken, values = self._core.sample()
        self.gaps += self._beat > 0 and not values and self._driven["m_tready"]
        if not values:
            return
        self.check(bool(self._inputs), "offered a beat of no input")
        pixels, tag = self._inputs[0]
        last = self._beat == len(pixels) - 1
        right = (pixels[self._beat], tag, int(self._beat == 0), int(last))
        self.check(values == right, f"input {self.counts['inputs']}, beat {self._beat}: {values}, expected {right}")
        if taken:
            if self._beat == 0:
                self.first_cycles.append(self.cycle)
            self._beat += 1
            if last:
                self._inputs.popleft()
                self._beat = 0
                self.counts["inputs"] += 1

    def _sample_plane(self) -> None:
        plane = self._plane
        if plane is None or not self.get("s_plane_tready"):
            return
        self.check(not self.stopping, "took a plane while stopped")
        self._plane = None
        if plane.error:
            self._refused = plane.error
            self.expected[plane.error] += 1
            small = np.zeros((1, 1), np.uint8)
            try:
                self.model.prepare(small, plane.stream)
            except UserError:
                return
        assert plane.image is not None
        self.expected["done"] += 1
        prepared = self.model.prepare(plane.image, plane.stream, plane.restart)
        if plane.run and prepared is None:
            self.expected["history"] += 1
        elif plane.run and prepared is not None:
            beats = prepared[0].reshape(-1, 3).astype(np.uint32) @ np.array([1, 1 << 8, 1 << 16], np.uint32)
            self._inputs.append((beats.tolist(), plane.tag))
            self.expected["inputs"] += 1

    # -- for scenarios --------------------------------------------------------------------------------------------

    def stop(self, level: bool) -> None:
        """Set `stop` from the next cycle on."""
        self.stopping = level
        self.set("stop", int(level))

    async def restart(self) -> None:
        """Stop until it is quiet, and let go: all streams are new."""
        self.stop(True)
        self.planes.clear()
        self._plane = None
        await self.step()
        await self.until(lambda: self._was_quiet and not self.under_way(), 4000, "quiet")
        self.stop(False)
        self.failed = self.read_fault = self.write_fault = False
        self.model.reset()

    async def finish(self, patience: int = 60_000) -> None:
        """Until all planes have gone their way; every pulse must have come as often as it should."""
        await self.until(self.idle, patience, "done")
        for _ in range(4):
            await self.step()
        self.check(self.counts == self.expected, f"{self.counts}, expected {self.expected}")
        self.check(self.get("quiet") == 1, "not quiet with nothing to do")

    def draw_pauses(self) -> None:
        """Pauses and latency of any kind."""
        choose = self.rng.choice
        self.latency = choose((0, 3, 20, 60))
        self.stalls = {channel: choose((0.0, 0.2, 0.6)) for channel in self.stalls}
        self.plane_pause = choose((0.0, 0.5, 0.95))
        self.core_pause = choose((0.0, 0.2, 0.7))

    def place(self, image: np.ndarray, stride: int, address: int) -> None:
        """Put an image into the memory, a row each `stride` bytes."""
        for row in range(image.shape[0]):
            start = address - ORIGIN + row * stride
            self.memory[start : start + image.shape[1]] = image[row]
