"""A build folder, build/<preset>/<board>, as the driver reads it: what it says of its chip, checked before use."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftcore.driver.errors import BuildError
from shiftcore.model.reference import Reference

FORMAT, VERSION = "shiftcore-chip", 1
HEADER_BYTES = 16  # of a record: frame id, context, latency, sequence number

_KEYS: dict[str, type | tuple[type, ...]] = {
    "preset": str,
    "board": str,
    "clock_mhz": (int, float),
    "base_address": int,
    "address_bits": int,
    "memory_port": str,
    "family": str,
    "build_hash": str,
    "input": dict,
    "logits": int,
    "classes": list,
    "streams": int,
    "record_bytes": int,
    "frame_interval": int,
    "model": str,
}


@dataclass(frozen=True)
class Build:
    """`folder`: build/<preset>/<board>; `manifest`: that of its chip, checked; `reference`: the integer model, loaded.

    The reference is what the manifest's hash says it is, and agrees with the manifest in sizes, classes and streams.
    """

    folder: Path
    manifest: dict[str, Any]
    reference: Reference

    @classmethod
    def load(cls, folder: Path | str) -> "Build":
        """Read and check a build folder. Raises BuildError naming the file, what it says, and what would be right."""
        folder = Path(folder)
        manifest = _read_manifest(folder / "chip" / "manifest.json")
        model = folder / "chip" / "model.npz"
        if not model.is_file():
            raise BuildError(f"{model}: missing; `make compile` writes it")
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        if digest != manifest["model"]:
            raise BuildError(
                f"{model}: its SHA-256 begins {digest[:16]}, but the chip was made from {manifest['model'][:16]}; "
                "copy the whole build folder, or run `make compile` again"
            )
        _check_core(folder / "chip" / "core" / "manifest.json", manifest)
        reference = Reference.load(model)
        _agree(folder / "chip" / "manifest.json", manifest, reference)
        return cls(folder, manifest, reference)

    @property
    def chip(self) -> Path:
        """The folder with the chip's RTL, model and manifest."""
        return self.folder / "chip"

    @property
    def build_hash(self) -> int:
        """What the chip's BUILD_HASH register must read."""
        return int(self.manifest["build_hash"], 16)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of a frame."""
        size = self.manifest["input"]
        return int(size["height"]), int(size["width"]), int(size["channels"])

    @property
    def input_bytes(self) -> int:
        """Bytes of a frame."""
        return int(self.manifest["input"]["bytes"])


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise BuildError(f"{path}: no such file; give a folder build/PRESET/BOARD that `make compile` wrote") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BuildError(f"{path}: damaged: {error}; run `make compile` again") from None
    if not isinstance(manifest, dict) or (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        raise BuildError(f"{path}: not a {FORMAT} manifest of version {VERSION}; run `make compile` again")
    for key, kind in _KEYS.items():
        if not isinstance(manifest.get(key), kind):
            raise BuildError(f"{path}: {key} is {manifest.get(key)!r}; run `make compile` again")
    try:
        int(manifest["build_hash"], 16)
        if any(int(manifest["input"][key]) < 1 for key in ("height", "width", "channels", "bytes")):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise BuildError(f"{path}: build_hash or input is no number; run `make compile` again") from None
    return manifest


def _check_core(path: Path, manifest: dict[str, Any]) -> None:
    """Raise BuildError where the core beside the manifest is not the one it names; a board's archive has none."""
    if path.is_file() and (content := _content(path)) != manifest.get("core_content"):
        raise BuildError(
            f"{path}: the core of another chip (its content begins {str(content)[:16]}, the manifest names "
            f"{str(manifest.get('core_content'))[:16]}); copy the whole build folder, or run `make compile` again"
        )


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text()).get("content")
    except (ValueError, AttributeError):
        return None


def _agree(path: Path, manifest: dict[str, Any], reference: Reference) -> None:
    """Raise BuildError at the first value in which the manifest contradicts the model it names."""
    size = manifest["input"]
    rows, columns, channels = reference.input_shape
    classes = len(reference.classes)
    for name, said, right in (
        ("input", [size["height"], size["width"], size["channels"]], [rows, columns, channels]),
        ("input.bytes", size["bytes"], rows * columns * channels),
        ("classes", manifest["classes"], reference.classes),
        ("logits", manifest["logits"], classes),
        ("streams", manifest["streams"], reference.streams),
        ("record_bytes", manifest["record_bytes"], HEADER_BYTES + (4 * classes + 7) // 8 * 8),
    ):
        if said != right:
            raise BuildError(f"{path}: {name} is {said}, but the model's is {right}; run `make compile` again")
