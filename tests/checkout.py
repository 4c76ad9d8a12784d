# SPDX-License-Identifier: BSD-3-Clause
"""Where this checkout is, and what of it is in git."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tracked(folder: Path) -> list[Path]:
    """The files in `folder` that git knows, relative to it."""
    listed = subprocess.run(["git", "ls-files", "-z", "."], cwd=folder, capture_output=True, text=True, check=True)
    return [Path(name) for name in listed.stdout.split("\0") if name]
