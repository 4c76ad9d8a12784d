# SPDX-License-Identifier: BSD-3-Clause
"""What the cocotb tests of dma_read share: its ports, and descriptors, memory and core around it."""

import random
from collections import deque
from typing import Any

from tests.hw.axi_bench import (
    Bench,
    Instance,
    Ports,
    Stable,
    any_address,
    content,
)

TAG_BITS = 12
FIRST_BEAT = ("m_tdata", "m_tag", "m_first", "m_last")


def ports(parameters: dict[str, int]) -> Ports:
    """Those of dma_read."""
    address, beat = parameters["ADDR_WIDTH"], 8 * parameters["IN_ELEMENTS"]
    inputs = "clk rst_n stop s_descriptor_tvalid m_tready m_axi_arready m_axi_rlast m_axi_rvalid"
    outputs = (
        "quiet busy error_window error_response s_descriptor_tready m_tvalid m_first m_last m_axi_arvalid m_axi_rready"
    )
    return [
        *(("input", name, 1) for name in inputs.split()),
        *(("input", name, address) for name in ("read_base", "read_limit", "s_descriptor_address")),
        ("input", "s_descriptor_tag", TAG_BITS),
        ("input", "m_axi_rdata", 64),
        ("input", "m_axi_rresp", 2),
        *(("output", name, 1) for name in outputs.split()),
        ("output", "m_tdata", beat),
        ("output", "m_tag", TAG_BITS),
        ("output", "m_axi_araddr", address),
        ("output", "m_axi_arlen", 8),
    ]


class ReadBench(Bench):
    """Descriptors, memory and the core around one dma_read, and the rules that it must keep.

    `addresses` are the descriptors still to be given. Every address read, every beat, tag and error pulse is compared
    with what the descriptors taken so far call for; so a test only has to say what happens to it.
    """

    def __init__(self, dut: Any, instance: Instance, rng: random.Random) -> None:
        super().__init__(dut, instance, ports(instance.parameters), rng)
        p = instance.parameters
        self.bytes, self.beat, self.burst = p["INPUT_BYTES"], p["IN_ELEMENTS"], p["MAX_BURST_BEATS"]
        self.fifo = p["FIFO_WORDS"]
        self.top = 1 << p["ADDR_WIDTH"]
        self.latency, self.core_pause, self.descriptor_pause = 0, 0.0, 0.0
        self.stalls = {"ar": 0.0, "r": 0.0}
        self.due = 0  # cycle before which the core takes no beat
        self.addresses: deque[int] = deque()
        self.faults: dict[int, int] = {}  # word address -> response
        self.window(0, self.top - 1)
        self.stopping = self.failed = False
        self.delivered = self.window_errors = self.response_errors = self.words_read = self.gaps = 0
        self.beat_cycles: list[int] = []
        self.descriptor_cycle = self.burst_cycle = self.read_cycle = 0  # of the last of each
        self._ar = Stable(self, "AR", "m_axi_arvalid", "m_axi_arready", ("m_axi_araddr", "m_axi_arlen"))
        self._core = Stable(self, "core", "m_tvalid", "m_tready", FIRST_BEAT)
        self._asked: deque[list[int]] = deque()  # in memory: cycle it is due, word, words left
        self._offered = False  # a burst waits for arready
        self._wanted: deque[list[int]] = deque()  # of descriptors taken: next word, words left
        self._frames: deque[tuple[int, int]] = deque()  # of descriptors taken: address, tag
        self._outside = 0  # descriptors taken whose window error has not come
        self._sent: tuple[int, int] | None = None
        self._beats = 0  # delivered of the frame
        self._arrived = 0  # words from memory, without those of frames that were delivered
        self._was_quiet = False
        self._tag = 0

    def window(self, base: int, limit: int) -> None:
        """Grant [base, limit)."""
        self.base, self.limit = base, limit
        self.set("read_base", base)
        self.set("read_limit", limit)

    def words(self, address: int) -> int:
        """How many words a frame at `address` spans."""
        return -(-(address + self.bytes) // 8) - address // 8

    def inside(self, address: int) -> bool:
        """Whether all words of a frame at `address` lie in the window."""
        return self.base <= address // 8 * 8 and address // 8 * 8 + 8 * self.words(address) <= self.limit

    def stop(self, level: bool) -> None:
        """Set `stop` from the next cycle on."""
        self.stopping = level
        self.set("stop", int(level))

    def idle(self) -> bool:
        """Nothing to be given, read or delivered."""
        return not (self.addresses or self._sent or self._frames or self._outside or self._asked or self._offered)

    def halted(self) -> bool:
        """Nothing may be begun or delivered."""
        return self.stopping or self.failed

    def drive(self) -> None:
        """A descriptor, the memory's two channels, the core's ready."""
        if self._sent is None and self.addresses and not self.chance(self.descriptor_pause):
            self._tag = self.rng.getrandbits(TAG_BITS)
            self._sent = self.addresses.popleft(), self._tag
            self.set("s_descriptor_address", self._sent[0])
            self.set("s_descriptor_tag", self._tag)
        self.set("s_descriptor_tvalid", int(self._sent is not None))
        self.set("m_axi_arready", int(not self.chance(self.stalls["ar"])))
        due = bool(self._asked) and self._asked[0][0] <= self.cycle
        valid = due and not self.chance(self.stalls["r"])
        self.set("m_axi_rvalid", int(valid))
        if valid:
            _, word, left = self._asked[0]
            response = self.faults.get(word, self.rng.randrange(2))
            self.set("m_axi_rdata", int.from_bytes(content(8 * word, 8), "little"))
            self.set("m_axi_rresp", response)
            self.set("m_axi_rlast", int(left == 1))
        self.set("m_tready", int(self.cycle >= self.due and not self.chance(self.core_pause)))

    def sample(self) -> None:
        """Compare all that the module does in this cycle with what it should."""
        self._sample_errors()
        self._sample_read()
        self._sample_address()
        self._sample_descriptor()
        self._sample_core()
        quiet = bool(self.get("quiet"))
        self.check(not quiet or not (self._asked or self._offered), "quiet with bursts under way")
        self.check(not (self.stopping and self._was_quiet) or quiet, "quiet fell during a stop")
        self._was_quiet = quiet and self.stopping
        if self.halted():
            self._frames.clear()
            self._wanted.clear()
            self._outside = self._beats = self._arrived = 0

    def _sample_read(self) -> None:
        self.check(self.get("m_axi_rready") == 1, "rready is low: a burst was issued without room")
        if self._driven["m_axi_rvalid"]:
            self._asked[0][1] += 1
            self._asked[0][2] -= 1
            self._arrived += 1
            self.read_cycle = self.cycle
            if not self._asked[0][2]:
                self._asked.popleft()

    def _sample_address(self) -> None:
        new, taken, values = self._ar.sample()
        if new:
            address, beats, self.burst_cycle = values[0], values[1] + 1, self.cycle
            self.check(bool(self._wanted), f"burst at {address:#x} that no descriptor calls for")
            word, left = self._wanted[0]
            self.check(address == 8 * word, f"burst at {address:#x}, expected {8 * word:#x}")
            self.check(beats <= min(left, self.burst), f"burst of {beats} at {address:#x}; {left} words are left")
            self.check(address // 4096 == (address + 8 * beats - 1) // 4096, f"{beats} at {address:#x} cross 4 KB")
            self.check(
                self.base <= address and address + 8 * beats <= self.limit, f"{address:#x} is outside the window"
            )
            self._wanted[0] = [word + beats, left - beats]
            if left == beats:
                self._wanted.popleft()
            self.words_read += beats
        self._offered = bool(values) and not taken
        if taken:
            self._asked.append([self.cycle + 1 + self.latency, values[0] // 8, values[1] + 1])
        self.check(len(self._asked) + self._offered <= 8, "more than 8 bursts under way")

    def _sample_descriptor(self) -> None:
        if self._sent is None or not self.get("s_descriptor_tready"):
            return
        self.check(not self.halted(), "took a descriptor while stopped")
        self.descriptor_cycle = self.cycle
        address, _ = self._sent
        if self.inside(address):
            self._frames.append(self._sent)
            self._wanted.append([address // 8, self.words(address)])
        else:
            self._outside += 1
        self._sent = None

    def _sample_core(self) -> None:
        if self.halted():
            self.check(not self.get("m_tvalid"), "offered a beat while stopped")
            self._core.forget()
            return
        _, taken, values = self._core.sample()
        self.gaps += self._beats > 0 and not values and self._driven["m_tready"]
        if not values:
            return
        data, tag, first, last = values
        self.check(bool(self._frames), "offered a beat of no frame")
        address, expected_tag = self._frames[0]
        address += self._beats * self.beat
        expected = int.from_bytes(content(address, self.beat), "little")
        where = f"frame {self.delivered}, beat {self._beats}"
        self.check(data == expected, f"{where}: expected {expected:#x}, got {data:#x}")
        self.check(tag == expected_tag, f"{where}: expected tag {expected_tag:#x}, got {tag:#x}")
        ends = (int(self._beats == 0), int((self._beats + 1) * self.beat == self.bytes))
        self.check((first, last) == ends, f"{where}: first and last are {first}, {last}, expected {ends}")
        words = range(address // 8, (address + self.beat - 1) // 8 + 1)
        self.check(not any(self.faults.get(word, 0) & 2 for word in words), f"{where}: memory had answered an error")
        self.check(self.get("busy") == 1, "not busy with a frame inside")
        span = self.words(self._frames[0][0])
        full = self._arrived > self.fifo - self.burst
        self.check(not first or full or self._arrived >= span, f"{where}: offered with {self._arrived} of {span} words")
        if taken:
            self.beat_cycles.append(self.cycle)
            self._beats += 1
            if last:
                self._frames.popleft()
                self._beats = 0
                self._arrived -= span
                self.delivered += 1

    def _sample_errors(self) -> None:
        if self.get("error_window"):
            self.check(self._outside > 0, "window error for a frame inside the window")
            self._outside -= 1
            self.window_errors += 1
        if self.get("error_response"):
            self.check(bool(self.faults) and not self.failed, "response error that memory did not give")
            self.failed = True
            self.response_errors += 1

    async def drain(self, pulse: bool) -> None:
        """Stop, for a cycle or until it is quiet, and let go."""
        self.stop(True)
        self.addresses.clear()
        await self.step()
        if not pulse:
            await self.until(lambda: self._was_quiet, 4000, "quiet")
            for _ in range(self.rng.randint(1, 5)):
                await self.step()
        self.stop(False)
        self.failed = False

    async def good_frames(self, count: int) -> None:
        """`count` more frames, which come as they should."""
        self.addresses.extend(any_address(self.rng, self.bytes, *self.words_window()) for _ in range(count))
        await self.until(self.idle, 4000 + 60 * (count + 1) * self.bytes, "done")
        for _ in range(8):
            await self.step()
        self.check(self.get("busy") == 0 and self.get("quiet") == 1, "busy with nothing to do")

    def words_window(self) -> tuple[int, int]:
        """The window in whole words: in it, bytes and words lie alike."""
        return -(-self.base // 8) * 8, self.limit // 8 * 8

    def draw_pauses(self) -> None:
        """Pauses and latency of any kind, on each side its own."""
        choose = self.rng.choice
        self.latency = choose((0, 3, 20, 100))
        self.stalls = {channel: choose((0.0, 0.2, 0.5, 0.8)) for channel in self.stalls}
        self.descriptor_pause = choose((0.0, 0.5, 0.95))
        self.core_pause = choose((0.0, 0.2, 0.5, 0.9) if self.bytes < 1024 * self.beat else (0.0, 0.2))
