# SPDX-License-Identifier: BSD-3-Clause
"""A PYNQ board without a board: the Verilated chip behind the paths and addresses at which pynq's own sources look.

The processes on it (pynq_process.py) run the real pynq in Python 3.10; here is what outlives them: the chip, the
kernel's fpga_manager, memory, the processing system's clocks, pynq's files on the SD card. A process that reads a
register that is not there ends with `HANG`, where a Zynq-7000 would stop for good.
"""

import contextlib
import os
import struct
import subprocess
import threading
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.hw.boards import Board
from shiftcore.model import registers as reg
from shiftcore.sim.chip import ChipModel

PROCESS = Path(__file__).with_name("pynq_process.py")
HANG = 99
READ_CYCLES = 200  # what a CPU's read of a register takes; much longer than here, so that polling gets on
MEMORY_BYTES = 1 << 26
PAGE = 4096
TOOLS = {
    "xbutil": "echo 'XRT Build Version: 2.13.466'",
    "xclbinutil": "cp '{pynq}/pl_server/default.xclbin' t.xclbin",
}
# Addresses of the PLLs' and the PL clocks' control registers, and where their divisors begin (pynq's ps.py, UG585,
# UG1087).
PLLS = {"zynq7": {"IOPLL": 0xF800_0108}, "zynquplus": {"IOPLL": 0xFF5E_0020, "RPLL": 0xFF5E_0030}}
CLOCKS = {"zynq7": (0xF800_0170, 0x10, 20), "zynquplus": (0xFF5E_00C0, 4, 16)}
SOURCES = {"IOPLL": 0, "RPLL": 2}


def bit_file(design: str) -> bytes:
    """A .bit as Vivado writes it: a header, then the bits of `design`."""
    header = struct.pack(">h", 9) + bytes(9) + struct.pack(">h", 1)
    for key, text in ((b"a", design), (b"b", "7z020clg400"), (b"c", "2026/11/26"), (b"d", "20:50:35")):
        header += key + struct.pack(">h", len(text) + 1) + text.encode() + b"\0"
    bits = design.encode().ljust(64, b".") * 64
    return header + b"e" + struct.pack(">i", len(bits)) + bits


class PynqBoard:
    """The board `board`, its files under `root`; its processes run `python`, which has the real pynq.

    `log` tells what happened in order: ("program", design), ("reset",), ("write", address, word). `refuse` lets
    programming fail, `no_memory` every allocation; `user` is the processes' user id. All may be changed at any time, as
    may the files.
    """

    def __init__(self, root: Path, board: Board, chip: Path, python: Path) -> None:
        self.root, self.board, self._chip_folder, self._python = root, board, chip, python
        self.log: list[tuple[Any, ...]] = []
        self.refuse, self.no_memory, self.user = False, False, 0
        self.chip: ChipModel | None = None
        for folder in ("fpga0", "firmware", "sd", "lock", "home", "bin"):
            (root / folder).mkdir(parents=True)
        (root / "pynq_board").write_text("Pynq-Z2")
        with open(root / "mem", "wb") as file:
            file.truncate(1 << 32)
        self._memory = np.memmap(root / "mem", np.uint8, "r+", ChipModel.MEMORY_BASE, (MEMORY_BYTES,))
        pynq = next(python.parent.parent.glob("lib/python3*/site-packages/pynq"))
        for name, script in TOOLS.items():
            (root / "bin" / name).write_text(f"#!/bin/sh\n{script.format(pynq=pynq)}\n")
            (root / "bin" / name).chmod(0o755)
        self._allocated, self._boots, self._cycles = 0, 0, 0
        self._lock = threading.Lock()
        self.power_on()
        self._listener = Listener(None, "AF_UNIX")
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def power_on(self) -> None:
        """Let the board boot, after a power cycle: nothing is in the logic, and the SD card is as it was."""
        self._unload("unknown")
        self._boots += 1
        (self.root / "boot_id").write_text(f"boot {self._boots}\n")
        (self.root / "fpga0" / "flags").write_text("0\n")
        (self.root / "fpga0" / "firmware").touch()
        pll, first, second = self.board.pll, *CLOCKS[self.board.family][::2]
        control = pll.fbdiv << 12 if self.board.family == "zynq7" else pll.fbdiv << 8 | pll.div2 << 16
        self.set_word(PLLS[self.board.family][pll.name], control)
        for index in range(4):  # dividing by 5 and 2, as boot loaders do
            self.set_word(first + index * CLOCKS[self.board.family][1], 2 << second | 5 << 8 | SOURCES[pll.name])

    def load_something_else(self) -> None:
        """Let another program than pynq load another design: nothing is at the chip's address."""
        self._unload("operating")

    def fail_something_else(self) -> None:
        """Let another program than pynq fail to load a design: nothing is in the logic, and the kernel says so."""
        self._unload("write error")

    def word(self, address: int) -> int:
        """A word of the processing system's registers."""
        return int(np.memmap(self.root / "mem", np.uint32, "r", address, (1,))[0])

    def set_word(self, address: int, word: int) -> None:
        """Change it."""
        np.memmap(self.root / "mem", np.uint32, "r+", address, (1,))[0] = word

    def clock_mhz(self, control: int) -> float:
        """The clock that a word in PL clock 0's control register makes."""
        second = CLOCKS[self.board.family][2]
        return self.board.pll_mhz / ((control >> 8 & 63) * (control >> second & 63))

    def environment(self) -> dict[str, str]:
        """The environment variables of a process that has entered PYNQ's environment."""
        path = f"{self.root / 'bin'}:{os.defpath}"
        return {"PATH": path, "HOME": str(self.root / "home"), "XILINX_XRT": str(self.root / "xrt")}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a process on the board: `-c`, code and its arguments, or a module and its."""
        command = [str(self._python), str(PROCESS), str(self.root), str(self._listener.address), *arguments]
        variables = {key: value for key, value in {**self.environment(), **environment}.items() if value}
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, env=variables, cwd=self.root / "home", text=True, **pipes)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As `start`, and wait for its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def close(self) -> None:
        """Answer no one any more."""
        self._open = False
        Client(str(self._listener.address)).close()
        self._listener.close()
        self._unload("unknown")

    def _accept(self) -> None:
        while True:
            connection = self._listener.accept()
            if not self._open:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                name, *arguments = connection.recv()
                try:
                    with self._lock:
                        answer = getattr(self, f"_do_{name}")(*arguments)
                except Exception as error:  # the process that asked gets it
                    answer = RuntimeError(str(error)) if not isinstance(error, OSError) else error
                connection.send(answer)

    def _unload(self, state: str) -> None:
        (self.root / "fpga0" / "state").write_text(f"{state}\n")
        if self.chip:
            self._cycles += self.chip.cycles
            self.chip.close()
        self.chip = None

    def _do_facts(self) -> dict[str, Any]:
        return {"family": self.board.family, "user": self.user}

    def _do_program(self, name: str) -> None:
        """What the kernel does with the file called `name`."""
        words = np.frombuffer((self.root / "firmware" / name).read_bytes(), np.uint32)
        design = words.byteswap().tobytes()[:64].rstrip(b".")
        self.log.append(("program", design.decode()))
        if self.refuse or design != b"shiftcore":
            self._unload("write error")
            raise TimeoutError(110, "Connection timed out")
        self._unload("operating")
        self.chip = ChipModel(self._chip_folder, memory=self._memory)

    def _do_read(self, address: int) -> int | str | None:
        """A word of the chip's, None for what is no address of the logic's."""
        if not self._of_the_chip(address):
            return None
        if self.chip is None:
            return "hang"
        self.chip.step(READ_CYCLES)
        return self.chip.read(address - self.board.base_address)

    def _do_write(self, address: int, word: int) -> str | None:
        if not self._of_the_chip(address):
            self.log.append(("write", address, word))
            return None
        if self.chip is None:
            return "hang"
        offset = address - self.board.base_address
        if offset == reg.CONTROL and word & reg.Control.SOFT_RESET:
            self.log.append(("reset",))
        self.chip.write(offset, word)
        return None

    def _of_the_chip(self, address: int) -> bool:
        return 0 <= address - self.board.base_address < 1 << 30

    def _do_allocate(self, size: int) -> int:
        start = self._allocated
        if self.no_memory or start + size > MEMORY_BYTES:
            raise MemoryError("no contiguous memory left")
        self._allocated += -(-size // PAGE) * PAGE + PAGE
        self.log.append(("allocate", size))
        return ChipModel.MEMORY_BASE + start

    def _do_free(self, address: int, size: int) -> None:
        self.log.append(("free", size))
        if self.chip:
            self.chip.fail_read(address, size)
            self.chip.fail_write(address, size)

    def _do_now(self) -> float:
        return (self._cycles + (self.chip.cycles if self.chip else 0)) / (self.board.clock_mhz * 1e6)

    def _do_sleep(self, seconds: float) -> None:
        cycles = max(int(seconds * self.board.clock_mhz * 1e6), 1)
        if self.chip:
            self.chip.run(cycles)
        else:
            self._cycles += cycles
