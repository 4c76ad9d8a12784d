# SPDX-License-Identifier: BSD-3-Clause
"""The shell and what joins a core's layers: each module with its properties beside it, and `checks`."""

from pathlib import Path

RTL = Path(__file__).parent


def files(*modules: str) -> tuple[Path, ...]:
    """The sources of modules of this folder."""
    return tuple(RTL / f"{module}.sv" for module in modules)
