# SPDX-License-Identifier: BSD-3-Clause
"""Clips whose names say everything: `<class>@<camera>@<number>.mp4`."""

from collections.abc import Iterator

from shiftcore.quant.layouts import Layout, Listing, Sample


class NamedClips(Layout):
    """Every clip in one folder, its class and its camera in its name."""

    name = "named clips"
    sources_known = True

    def claims(self, listing: Listing) -> bool:
        """Whether each video's name has the three parts."""
        return bool(listing.videos) and all(clip.stem.count("@") == 2 for clip in listing.videos)

    def samples(self, listing: Listing) -> Iterator[Sample]:
        """The videos; the camera is the source, so none is on both sides of a split."""
        for clip in listing.videos:
            label, camera, _ = clip.stem.split("@")
            yield Sample(clip, label, camera)
