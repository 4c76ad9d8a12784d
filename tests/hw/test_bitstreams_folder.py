# SPDX-License-Identifier: BSD-3-Clause
"""bitstreams/ holds real bitstreams with their manifests, and nothing else."""

import json
from pathlib import Path

import pytest

from shiftcore import certificate
from shiftcore.artifacts import digest
from shiftcore.errors import UserError
from shiftcore.hw.bitstream import FORMAT
from tests.checkout import ROOT

SMALLEST_BIT = 1_000_000
CERTIFICATE = {"certificate.json", "certificate.json.sig"}
FILES = {"shiftcore.bit", "shiftcore.hwh", "manifest.json"}


def certified(folder: Path, manifest: dict[str, object]) -> bool:
    """Whether the certificate is whole and of this build, where there is one."""
    file = folder / "certificate.json"
    try:
        return not file.is_file() or bool(
            certificate.read(file)["sections"]["build"]["build_hash"] == manifest["build_hash"]
        )
    except UserError:
        return False


def strangers(root: Path) -> list[str]:
    """What lies under `root` and is neither its README nor a bitstream as `make bitstream` leaves it."""
    found = []
    for path in sorted(root.iterdir()):
        if path.name == "README.md":
            continue
        try:
            manifest = json.loads((path / "manifest.json").read_text())
            right = (
                {file.name for file in path.iterdir()} - CERTIFICATE == FILES
                and certified(path, manifest)
                and manifest["format"] == FORMAT
                and path.name == f"{manifest['preset']}-{manifest['board']}"
                and manifest["files"] == {name: digest(path / name) for name in FILES - {"manifest.json"}}
                and (path / "shiftcore.bit").stat().st_size >= SMALLEST_BIT
                and manifest["timing"].get("worst_ns", 0) >= 0
            )
        except (OSError, ValueError, KeyError):
            right = False
        if not right:
            found.append(path.name)
    return found


def test_nothing_but_bitstreams() -> None:
    assert strangers(ROOT / "bitstreams") == []


@pytest.mark.parametrize("spoil", ["", "bit", "name", "extra", "small", "manifest", "late", "certificate", "another's"])
def test_what_does_not_belong_there_is_found(tmp_path: Path, spoil: str) -> None:
    folder = tmp_path / ("tiny-kv260" if spoil == "name" else "tiny-pynq-z2")
    folder.mkdir()
    (folder / "shiftcore.bit").write_bytes(bytes(10 if spoil == "small" else SMALLEST_BIT))
    (folder / "shiftcore.hwh").write_text("<EDKSYSTEM/>")
    manifest = {
        "format": FORMAT,
        "preset": "tiny",
        "board": "pynq-z2",
        "build_hash": "deadbeef",
        "timing": {"worst_ns": -0.1 if spoil == "late" else 0.1},
        "files": {name: digest(folder / name) for name in ("shiftcore.bit", "shiftcore.hwh")},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    build_hash = "c0ffee00" if spoil == "another's" else "deadbeef"
    certificate.write(folder / "certificate.json", "board", {"build": {"build_hash": build_hash}})
    if spoil == "certificate":
        text = (folder / "certificate.json").read_text()
        (folder / "certificate.json").write_text(text.replace("deadbeef", "DEADBEEF"))
    if spoil == "bit":
        (folder / "shiftcore.bit").write_bytes(b"x" * SMALLEST_BIT)
    if spoil == "extra":
        (folder / "notes.txt").touch()
    if spoil == "manifest":
        (folder / "manifest.json").unlink()
    assert strangers(tmp_path) == ([folder.name] if spoil else [])
