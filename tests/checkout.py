# SPDX-License-Identifier: BSD-3-Clause
"""Where this checkout is."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
