# SPDX-License-Identifier: BSD-3-Clause
"""The real surveillance clips that lie beside this checkout on some machines. Tests alone may look for them."""

from pathlib import Path

from tests.checkout import ROOT

REAL_CLIPS = ROOT.parent / "shared" / "data" / "fights"


def real_clips() -> list[Path]:
    """All of them, in order; none elsewhere."""
    return sorted(REAL_CLIPS.glob("*/*.mp4"))
