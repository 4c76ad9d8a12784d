# SPDX-License-Identifier: BSD-3-Clause
"""Temperatures and power of a board: Linux' IIO devices, and the rails that pynq finds (`pynq.pmbus`)."""

import contextlib
import importlib
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IIO = Path("/sys/bus/iio/devices")
EVERY_S = 2.0


@dataclass
class Sample:
    """One look: `seconds` since the first; degrees Celsius and watts by sensor; `frames` done until then."""

    seconds: float
    celsius: dict[str, float]
    watts: dict[str, float]
    frames: int


@dataclass
class Sensors:
    """What this machine has of them; `samples` are what was seen, one each `EVERY_S`."""

    samples: list[Sample] = field(default_factory=list)
    _rails: dict[str, Any] = field(init=False)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._rails = rails()
        self._began = time.monotonic()

    def look(self, frames: int, now: bool = False) -> None:
        """Take a sample where one is due, or `now`."""
        seconds = time.monotonic() - self._began
        if now or not self.samples or seconds >= self.samples[-1].seconds + EVERY_S:
            watts = {name: value for name, rail in self._rails.items() if (value := _watts(rail)) is not None}
            self.samples.append(Sample(seconds, celsius(), watts, frames))


def celsius() -> dict[str, float]:
    """What each temperature channel of each IIO device says: the XADC's of a Zynq-7000, the AMS' of an UltraScale+."""
    found = {}
    for raw in sorted(IIO.glob("*/in_temp*_raw")):
        with contextlib.suppress(OSError, ValueError):
            channel = raw.name.removesuffix("_raw")
            offset = _number(raw.with_name(f"{channel}_offset"), 0.0)
            scale = _number(raw.with_name(f"{channel}_scale"), 1.0)
            name = f"{raw.parent.name} {channel.removeprefix('in_')}"
            found[name] = round((float(raw.read_text()) + offset) * scale / 1000, 2)
    return found


def _number(path: Path, otherwise: float) -> float:
    return float(path.read_text()) if path.is_file() else otherwise


def rails() -> dict[str, Any]:
    """pynq's power rails by name; none where there is no pynq, or the board has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(importlib.import_module("pynq.pmbus").get_rails())
        except Exception:  # of its own libraries, whatever they raise
            return {}


def _watts(rail: Any) -> float | None:
    """A rail's power, measured or by its voltage and current; None where it has neither."""
    with contextlib.suppress(Exception):
        if rail.power is not None:
            return float(rail.power.value)
        if rail.voltage is not None and rail.current is not None:
            return float(rail.voltage.value) * float(rail.current.value)
    return None
