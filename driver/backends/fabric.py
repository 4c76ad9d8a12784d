# SPDX-License-Identifier: BSD-3-Clause
"""The board's programmable logic: one driver at a time has it, and knows what was loaded into it last.

Reading a register of logic that is not there hangs a Zynq-7000 for good. What pynq keeps in its state file on the SD
card outlives a power cycle and is written before programming has succeeded, so it says nothing alone: it counts only
together with the kernel's fpga_manager and with what a driver noted in this boot, after it had loaded a bitstream.
"""

import fcntl
import importlib
import json
import os
import tempfile
from pathlib import Path

from shiftcore.driver.errors import BackendError

MANAGER = Path("/sys/class/fpga_manager/fpga0")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LOCKS = Path("/run/lock")
_NAME = "shiftcore-fpga0.lock"


class Fabric:
    """The programmable logic, this process's own until `release`, or until the process ends: the kernel drops the lock
    with it. Raises BackendError while another driver has it."""

    def __init__(self) -> None:
        folder = LOCKS if os.access(LOCKS, os.W_OK) else Path(tempfile.gettempdir())
        try:
            self._file = os.fdopen(_opened(folder / _NAME), "r+")
        except OSError as error:
            raise BackendError(f"{folder / _NAME}: {error.strerror}; PYNQ needs root on its own board") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            user = self._noted().get("pid", "another")
            self._file.close()
            raise BackendError(
                f"the board's programmable logic is in use by another driver (process {user}), and there can be one at "
                "a time; end that one, or wait for it"
            ) from None
        self._last = self._noted()
        self._note(pid=os.getpid())

    def release(self) -> None:
        """Let another driver have it."""
        self._file.close()

    def holds_a_chip(self) -> bool:
        """Whether a driver has loaded a chip of ours in this boot and nothing else came since, so that its registers
        can be read. Asks before `loaded` is called."""
        return (
            _text(MANAGER / "state") == "operating"
            and self._last.get("boot") == _text(BOOT_ID)
            and self._last.get("bitstream") == _pynqs_record()
        )

    def loaded(self, bitstream: Path) -> None:
        """Note that `bitstream` was loaded."""
        self._note(pid=os.getpid(), boot=_text(BOOT_ID), bitstream=str(bitstream))

    def _noted(self) -> dict[str, object]:
        self._file.seek(0)
        try:
            noted = json.load(self._file)
        except ValueError:  # empty, or the process ended in the middle
            return {}
        return noted if isinstance(noted, dict) else {}

    def _note(self, **values: object) -> None:
        self._file.seek(0)
        self._file.truncate()
        json.dump(values, self._file)
        self._file.flush()


def _opened(path: Path) -> int:
    """Without O_CREAT where the file is there: in a folder for everyone, Linux denies that even to root when another
    user made the file (fs.protected_regular)."""
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _pynqs_record() -> str | None:
    """The bitstream that pynq says it loaded last. pynq 3.0 cannot read its own record once that file is gone, and
    would then load nothing until the next boot: such a record is removed."""
    state = importlib.import_module("pynq.pl_server.global_state")
    if not state.global_state_file_exists():
        return None
    try:
        return str(state.load_global_state().bitfile_name)
    except (OSError, ValueError):
        state.clear_global_state()
        return None
