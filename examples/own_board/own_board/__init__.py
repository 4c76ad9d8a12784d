# SPDX-License-Identifier: BSD-3-Clause
"""A board that shiftcore does not ship."""

from pathlib import Path

ARTY = Path(__file__).with_name("arty-z7-20.toml")
