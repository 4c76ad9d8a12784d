# SPDX-License-Identifier: BSD-3-Clause
"""Clips whose names say everything: `<class>@<camera>@<number>.mp4`."""

from collections.abc import Iterator
from pathlib import Path

from shiftcore.quant.layouts import Layout, Sample


class NamedClips(Layout):
    """Every clip in one folder, its class and its camera in its name."""

    name = "named clips"
    sources_known = True

    def claims(self, folder: Path) -> bool:
        """Whether each clip's name has the three parts."""
        clips = list(folder.glob("*.mp4"))
        return bool(clips) and all(clip.stem.count("@") == 2 for clip in clips)

    def samples(self, folder: Path) -> Iterator[Sample]:
        """The clips, sorted by name; the camera is the source, so none is on both sides of a split."""
        for clip in sorted(folder.glob("*.mp4")):
            label, camera, _ = clip.stem.split("@")
            yield Sample(clip, label, camera)
