# SPDX-License-Identifier: BSD-3-Clause
"""A process on a PYNQ board: run by the Python that has the real pynq, it makes this machine look like the board.

    pynq_process.py ROOT ADDRESS [-c CODE | MODULE ARGUMENTS...]

pynq's own sources run, with nothing changed but the names of the paths in `PATHS`, which lie under ROOT. What is behind
those paths (the chip, fpga_manager, contiguous memory, time) is a tests.driver.pynq_board.PynqBoard in another process,
at ADDRESS. XRT's calls are replaced by mmap, as strictly as a cached buffer: what is not flushed or invalidated is not
seen by the other side.
"""

import builtins
import ctypes
import importlib
import importlib.machinery
import io
import mmap
import os
import runpy
import sys
import types
from collections.abc import Callable
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(sys.argv[1])
FIRMWARE = f"{ROOT}/fpga0/firmware"
PATHS = {
    "/sys/class/fpga_manager/fpga0": f"{ROOT}/fpga0",
    "/lib/firmware": f"{ROOT}/firmware",
    "/dev/mem": f"{ROOT}/mem",
    "/proc/device-tree/chosen/pynq_board": f"{ROOT}/pynq_board",
    # where pynq keeps its state file and its cache: on the SD card
    'f"{os.path.dirname(__file__)}/': f'f"{ROOT}/sd/',
    "STATE_DIR = os.path.dirname(__file__)": f"STATE_DIR = '{ROOT}/sd'",
    # 3.1.1 and newer have this remedy, tag v3.1 of Xilinx/PYNQ, which the image is made of, has not
    "max(size, 8192)": "size",
}
SMALL = 4096  # XRT 2.17: smaller buffers get addresses above 32 bits
MEMORY, MEMORY_BYTES = 0x1000_0000, 1 << 26
MACHINES = {"zynq7": "armv7l", "zynquplus": "aarch64"}

board = Client(sys.argv[2], "AF_UNIX")


def ask(*request: Any) -> Any:
    """What PynqBoard answers to a request."""
    board.send(request)
    answer = board.recv()
    if isinstance(answer, Exception):
        raise answer
    if answer == "hang":  # a real bus never answers
        print("the bus hangs: there is no such register", file=sys.stderr)
        os._exit(99)
    return answer


class Loader(importlib.machinery.SourceFileLoader):
    """pynq's sources with other path names; never from, or into, compiled files."""

    def path_stats(self, path: str) -> Any:
        raise OSError

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> Any:  # type: ignore[override]
        text = bytes(data).decode()
        for real, ours in PATHS.items():
            text = text.replace(real, ours)
        return super().source_to_code(text, path)

    def set_data(self, *_: Any, **__: Any) -> None:
        """Write nothing."""

    def exec_module(self, module: types.ModuleType) -> None:
        super().exec_module(module)
        if module.__name__ == "pynq.pl_server.embedded_device":
            module.EmbeddedDevice.mmap = paged(module.EmbeddedDevice.mmap)


class Finder(importlib.machinery.PathFinder):
    """Finds pynq's modules for Loader."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        spec = super().find_spec(name, path, target) if name.split(".", maxsplit=1)[0] == "pynq" else None
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


class Firmware(io.StringIO):
    """fpga_manager's attribute `firmware`: what is written names a file, and the kernel loads it there and then."""

    def close(self) -> None:
        name, _ = self.getvalue(), super().close()
        ask("program", name)


class Page(np.ndarray):
    """Physical addresses, as /dev/mem maps them: a word at the chip's goes to the chip; what is written is told."""

    physical = virtual = 0

    def __array_finalize__(self, whole: Any) -> None:
        self.physical, self.virtual = getattr(whole, "physical", 0), getattr(whole, "virtual", 0)

    def _address(self, index: Any) -> int:
        return int(self.physical + self.ctypes.data - self.virtual + index * self.itemsize)

    def __getitem__(self, index: Any) -> Any:
        answer = ask("read", self._address(int(index))) if isinstance(index, (int, np.integer)) else None
        return super().__getitem__(index) if answer is None else np.uint32(answer)

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        ask("write", self._address(index), int(value))


def paged(real: Any) -> Any:
    """pynq's function that maps /dev/mem, and a Page of what it maps."""

    def mapped(device: Any, base: int, length: int) -> Page:
        page: Page = real(device, base, length).view(Page)
        page.physical, page.virtual = base, page.ctypes.data
        return page

    return mapped


class Bo:
    """A buffer of XRT: the chip's side lies in the board's memory, the CPU's where pynq will unmap it."""

    flags = types.SimpleNamespace(normal=0, cacheable=1)
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    memory = np.memmap(ROOT / "mem", np.uint8, "r+", MEMORY, (MEMORY_BYTES,))

    def __init__(self, _device: Any, size: int, _flags: int, _bank: int) -> None:
        self.bytes, self.start = size, ask("allocate", size)
        kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.cpu = self.libc.mmap(None, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE, kind, -1, 0)
        ctypes.memset(self.cpu, 0xCC, size)

    def size(self) -> int:
        return self.bytes

    def address(self) -> int:
        return int(self.start) + (1 << 40 if self.bytes < SMALL else 0)

    def map(self) -> memoryview:
        return memoryview((ctypes.c_ubyte * self.bytes).from_address(self.cpu)).cast("B")

    def sync(self, direction: int, size: int | None = None, offset: int = 0) -> None:
        size = self.bytes if size is None else size
        assert offset + size <= self.bytes
        device = self.memory.ctypes.data + self.start - MEMORY + offset
        ends = (device, self.cpu + offset) if direction == 0 else (self.cpu + offset, device)
        ctypes.memmove(*ends, size)

    def __del__(self) -> None:
        if hasattr(self, "start"):  # else nothing was allocated
            ask("free", self.start, self.bytes)


def libxrt_core() -> types.SimpleNamespace:
    """The C library that pynq 3.0 calls."""
    buffers: dict[int, Bo] = {}

    def allocate(handle: Any, size: int, _domain: Any, flags: int) -> int:
        buffers[len(buffers) + 1] = Bo(handle, size, 0, flags)
        return len(buffers)

    def properties(_handle: Any, bo: int, found: Any) -> int:
        found.size, found.paddr = buffers[bo].bytes, buffers[bo].address()
        return 0

    def sync(_handle: Any, bo: int, direction: Any, size: int, offset: int) -> int:
        buffers[bo].sync(int(getattr(direction, "value", direction)), size, offset)
        return 0

    def free(_handle: Any, bo: int) -> None:
        ask("free", buffers[bo].start, buffers[bo].bytes)

    functions: dict[str, Callable[..., Any]] = {
        name: (lambda *_: 0) for name in ("GetDeviceInfo2", "LockDevice", "LoadXclBin", "UnlockDevice", "Close")
    }
    functions |= {"Open": lambda *_: 1, "AllocBO": allocate, "GetBOProperties": properties, "SyncBO": sync}
    functions |= {"MapBO": lambda _handle, bo, _write: buffers[bo].cpu, "FreeBO": free}
    del Bo.__del__  # here it is told by FreeBO
    return types.SimpleNamespace(**{f"xcl{name}": function for name, function in functions.items()})


def pyxrt() -> types.ModuleType:
    """The module that pynq 3.1 and newer call."""
    module: Any = types.ModuleType("pyxrt")
    names = (
        "bdf dynamic_regions electrical host m2m max_clock_frequency_mhz mechanical memory name pcie_info thermal vmr"
    )
    module.xrt_info_device = types.SimpleNamespace(**{name: name for name in names.split()})
    module.xclBOSyncDirection = types.SimpleNamespace(XCL_BO_SYNC_BO_TO_DEVICE=0, XCL_BO_SYNC_BO_FROM_DEVICE=1)
    module.bo = Bo
    module.device = lambda _index: types.SimpleNamespace(get_info=lambda name: name, load_xclbin=lambda _file: "uuid")
    return module


def become_the_board() -> None:
    """Let this process find what it would find on the board. Nothing of pynq has been imported yet."""
    facts = ask("facts")
    real_open, real_cdll = builtins.open, ctypes.CDLL
    uname = os.uname_result(("Linux", "pynq", "5.15.0", "#1", MACHINES[facts["family"]]))
    os.uname = lambda: uname
    os.geteuid = lambda: int(facts["user"])

    def opened(file: Any, *args: Any, **more: Any) -> Any:
        return Firmware() if str(file) == FIRMWARE and "w" in args else real_open(file, *args, **more)

    def library(name: Any, *args: Any, **more: Any) -> Any:
        return libxrt_core() if str(name).endswith("libxrt_core.so") else real_cdll(name, *args, **more)

    builtins.open, ctypes.CDLL = opened, library  # type: ignore[misc, assignment]
    sys.modules["pyxrt"] = pyxrt()
    sys.meta_path.insert(0, Finder)
    here = Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(here))
    sys.path.remove(str(Path(__file__).resolve().parent))
    driver_on_the_board()


def driver_on_the_board() -> None:
    """Tell the driver the same paths, and let it live in the chip's time."""
    from shiftcore.driver.backends import board as backend
    from shiftcore.driver.backends import fabric

    fabric.MANAGER, fabric.BOOT_ID, fabric.LOCKS = ROOT / "fpga0", ROOT / "boot_id", ROOT / "lock"
    backend.time = types.SimpleNamespace(  # type: ignore[assignment]
        monotonic=lambda: ask("now"), sleep=lambda seconds: ask("sleep", seconds)
    )


def main() -> None:
    """Become the board, and run what is wanted."""
    become_the_board()
    if sys.argv[3] == "-c":
        code, sys.argv[1:] = sys.argv[4], sys.argv[5:]
        exec(compile(code, "<test>", "exec"), {"__name__": "__main__", "ask": ask})
        return
    module, sys.argv[1:] = sys.argv[3], sys.argv[4:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
