# SPDX-License-Identifier: BSD-3-Clause
"""Mends for defects in FINN's installed RTL, as patches that are applied to copies.

Each patch beside this module says what is wrong, and bears the hash of the one original it is for.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path

from shiftcore import process
from shiftcore.errors import UserError

_PATCHES = {path.name.removesuffix(".patch"): path for path in Path(__file__).parent.glob("*.patch")}


def install(original: Path, folder: Path) -> Path:
    """Copy an RTL file into `folder`, mended where a patch is for it, and return the copy.

    Raises UserError where a patch's original has changed: someone must then look whether the defect is still there.
    """
    copy = folder / original.name
    shutil.copyfile(original, copy)
    patch = _PATCHES.get(original.name)
    if patch is None:
        return copy
    expected = re.search(r"^Original-SHA256: (\w{64})$", patch.read_text(), re.MULTILINE)
    found = hashlib.sha256(original.read_bytes()).hexdigest()
    if expected is None or found != expected[1]:
        raise UserError(
            f"{original.name}: FINN's file (SHA-256 {found[:12]}...) is not the one hw/patches/{patch.name} is for; "
            "install the pinned FINN (`make setup`), or look at the new file and renew the patch"
        )
    # Outside any repository, or git would take the paths relative to the one it finds itself in.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent.resolve())}
    command = ["git", "apply", "--whitespace=nowarn", str(patch.resolve())]
    process.run(command, cwd=folder, env=environment).check_returncode()
    return copy
