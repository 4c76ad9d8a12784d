# SPDX-License-Identifier: BSD-3-Clause
"""The versions of a preset's weights that adapting leaves, and which of them is in use.

`build/PRESET/adapt/versions/NUMBER-DATE/` holds `report.json` and what it reports on: `weights.pt` where there are any.
A report has at least `number`, `date`, `outcome` (one of `OUTCOMES`), `parent` (the number of the version it started
from, None for an original), `weights` (the digest of `weights.pt`, or None) and `clips` (what it learned from).

Which version is in use is not noted anywhere: it is the one whose weights the preset has (quant.checkpoint), byte for
byte. So training by other means is noticed, and nothing can disagree.
"""

import json
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from shiftcore.artifacts import atomic_file, atomic_folder, digest, lock, write_json
from shiftcore.errors import UserError
from shiftcore.quant import checkpoint
from shiftcore.quant.preset import Preset

ORIGINAL, PROMOTED, KEPT = OUTCOMES = ("original", "promoted", "kept")


class Version(NamedTuple):
    """One version: its folder and what its report says."""

    folder: Path
    report: dict[str, Any]

    @property
    def number(self) -> int:
        return int(self.report["number"])

    @property
    def weights(self) -> Path:
        return self.folder / "weights.pt"


def home(preset: Preset) -> Path:
    """Where adapting `preset` keeps everything."""
    return preset.build / "adapt"


def listed(preset: Preset) -> list[Version]:
    """All versions, the first one first."""
    reports = (home(preset) / "versions").glob("*/report.json")
    found = [
        Version(path.parent, json.loads(path.read_text())) for path in reports if re.match(r"\d", path.parent.name)
    ]
    return sorted(found, key=lambda version: version.number)


def weights_in_use(preset: Preset) -> Path:
    """The weights of `preset` that every command uses. Raises UserError where there are none, or they do not fit."""
    _, path = checkpoint.load_network(preset)
    if path is None:
        raise UserError(
            f"preset {preset.name!r} has no weights to start from, neither trained here nor shipped; "
            f"`make qat PRESET={preset.name}` trains some"
        )
    return path


def in_use(preset: Preset) -> Version | None:
    """The version that is in use; None where the weights in use are of no version. Raises UserError where
    there are no weights."""
    same = digest(weights_in_use(preset))
    return next((version for version in reversed(listed(preset)) if version.report["weights"] == same), None)


def lineage(preset: Preset, version: Version | None) -> list[Version]:
    """`version`, what it started from, and so on to the original."""
    by_number = {other.number: other for other in listed(preset)}
    line = []
    while version is not None:
        line.append(version)
        version = by_number.get(version.report["parent"])
    return line


def add(preset: Preset, report: dict[str, Any], weights: Path | None, files: dict[str, str]) -> Version:
    """Keep a version, whole or not at all: `report` with its number and date, a copy of `weights`, the preset, and
    `files`, texts by name."""
    before = listed(preset)
    number = before[-1].number + 1 if before else 0
    date = datetime.now(UTC).date().isoformat()
    about = {"number": number, "date": date, **report, "weights": digest(weights) if weights else None}
    folder = home(preset) / "versions" / f"{number}-{date}"
    with atomic_folder(folder) as temporary:
        if weights:
            shutil.copyfile(weights, temporary / "weights.pt")
        write_json(temporary / "report.json", about)
        write_json(temporary / "preset.json", preset.model_dump(mode="json"))
        for name, text in files.items():
            (temporary / name).write_text(text)
    return Version(folder, about)


def keep_original(preset: Preset) -> Version:
    """The version in use; weights that are of no version (shipped, or trained by other means) become one."""
    return in_use(preset) or add(preset, {"outcome": ORIGINAL, "parent": None, "clips": []}, weights_in_use(preset), {})


def install(preset: Preset, version: Version) -> None:
    """Make `version` the one in use, atomically. The shipped weights need no copy: what hides them is removed.

    Raises UserError when the version's weights are gone.
    """
    if not version.weights.is_file() or digest(version.weights) != version.report["weights"]:
        raise UserError(f"{version.weights}: missing or changed since it was kept; version {version.number} is lost")
    target, shipped = checkpoint.trained_path(preset), checkpoint.PRETRAINED / f"{preset.name}.pt"
    with lock(preset.build):
        if shipped.is_file() and digest(shipped) == version.report["weights"]:
            target.unlink(missing_ok=True)
        else:
            with atomic_file(target) as temporary:
                shutil.copyfile(version.weights, temporary)


def roll_back(preset: Preset) -> tuple[Version, Version]:
    """Put the version that the one in use started from in its place; returns the new one in use, and the one left.
    Raises UserError where there is none to go back to."""
    now = in_use(preset)
    if now is None:
        known = f"they are none of the {len(listed(preset))} versions" if listed(preset) else "it was never adapted"
        raise UserError(f"preset {preset.name!r}: nothing to go back to from the weights in use: {known}")
    before = lineage(preset, now)[1:2]
    if not before:
        raise UserError(f"preset {preset.name!r}: nothing to go back to: version {now.number}, in use, is an original")
    install(preset, before[0])
    return before[0], now


def learned(preset: Preset, version: Version | None) -> tuple[set[str], set[str]]:
    """The sources, and the digests of the clips, that `version` has learned from, and those before it."""
    clips: Sequence[dict[str, str]] = [clip for one in lineage(preset, version) for clip in one.report["clips"]]
    return {clip["source"] for clip in clips}, {clip["digest"] for clip in clips}
