# SPDX-License-Identifier: BSD-3-Clause
"""A build folder, build/<preset>/<board>, as the driver reads it: what it says of its chip, checked before use. Or an
exported model, build/<preset>/export/model.npz, which has no chip yet."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shiftcore.driver.errors import BuildError, ShapeError
from shiftcore.errors import UserError
from shiftcore.model import image
from shiftcore.model import registers as reg
from shiftcore.model.limits import MODELS
from shiftcore.model.manifest import FILE, ChipManifest, CoreManifest, FrameSize
from shiftcore.model.records import Record
from shiftcore.model.reference import Reference


@dataclass(frozen=True)
class Build:
    """`folder`: build/<preset>/<board>; `model`: the file of the integer model, and `reference`: that model, loaded;
    `manifest`: that of its chip, checked, with the clock of its bitstream where there is one; `compiled`: whether there
    is a chip, else only `reference` can run it.

    The reference is what the manifest's hash says it is, and agrees with the manifest in sizes, classes and streams.
    """

    folder: Path
    model: Path
    manifest: ChipManifest
    reference: Reference
    compiled: bool = True

    @classmethod
    def load(cls, folder: Path | str) -> "Build":
        """Read and check a build folder, or an exported model.npz. Raises BuildError naming the file, what it says, and
        what would be right."""
        folder = Path(folder)
        if folder.suffix == ".npz":
            return cls._exported(folder)
        try:
            manifest = ChipManifest.read(folder / "chip")
            _check_core(folder / "chip" / "core", manifest)
        except UserError as error:
            raise BuildError(str(error)) from None
        model = folder / "chip" / "model.npz"
        if not model.is_file():
            raise BuildError(f"{model}: missing; `make compile` writes it")
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        if digest != manifest.model:
            raise BuildError(
                f"{model}: its SHA-256 begins {digest[:16]}, but the chip was made from {manifest.model[:16]}; "
                "copy the whole build folder, or run `make compile` again"
            )
        reference = Reference.load(model)
        _agree(folder / "chip" / FILE, manifest, reference)
        return cls(folder, model, _as_clocked(folder, manifest), reference)

    @classmethod
    def _exported(cls, model: Path) -> "Build":
        """A model without a chip: the manifest says what that of any chip would, with a clock that never ticks."""
        if not model.is_file():
            raise BuildError(f"{model}: no such file; `make export` writes build/PRESET/export/model.npz")
        reference, content = Reference.load(model), hashlib.sha256(model.read_bytes()).hexdigest()
        rows, columns, channels = reference.input_shape
        memories = image.plain(reference.layers, integer_arrays(model))
        none = "none"
        manifest = ChipManifest(
            preset=reference.description.preset.name,
            board=none,
            family=none,
            part=none,
            clock_mhz=1.0,
            base_address=0,
            memory_port=none,
            address_bits=32,
            max_burst=1,
            write_burst=1,
            build_hash=content[:8],
            input=FrameSize(rows, columns, channels, rows * columns * channels),
            logits=len(reference.classes),
            classes=tuple(reference.classes),
            streams=reference.streams,
            record_bytes=Record.size(len(reference.classes)),
            frame_interval=1,
            top=none,
            files=(),
            core_content=none,
            shape=hashlib.sha256(repr(memories).encode()).hexdigest()[:8],
            load_words=sum(map(image.words, memories)),
            memories=memories,
            model=content,
            content=content,
        )
        return cls(model.parent, model, manifest, reference, compiled=False)

    def for_models(self, count: int) -> "Build":
        """The build, where its chip has banks for `count` models at once; a model without a chip gets them. Raises
        BuildError where there are fewer."""
        banks = self.manifest.models if self.compiled else MODELS
        if count > banks:
            cure = f"compile it with hardware.models = {count}" if count <= MODELS else f"there are {MODELS} at most"
            raise BuildError(
                f"{self.folder}: {count} models at once are wanted (the build's own, cameras', a candidate), but this "
                f"chip has {banks} bank{'s' * (banks != 1)} of weights (hardware.models): {cure}"
            )
        if self.compiled:
            return self
        return replace(self, manifest=replace(self.manifest, models=count))

    @property
    def chip(self) -> Path:
        """The folder with the chip's RTL, model and manifest."""
        return self.folder / "chip"

    def load_stream(self, model: Path) -> np.ndarray:
        """The load stream (model.image) of an integer model for this build's chip: uint32 `[words]`. Raises ShapeError,
        which says what differs."""
        try:
            return image.payload(self.manifest.memories, integer_arrays(model))
        except ValueError as error:
            raise ShapeError(f"{model}: not of the shape of {self.folder}: {error}; compile it") from None

    @property
    def build_hash(self) -> int:
        """What the chip's BUILD_HASH register must read."""
        return int(self.manifest.build_hash, 16)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of a frame."""
        size = self.manifest.input
        return size.height, size.width, size.channels

    @property
    def input_bytes(self) -> int:
        """Bytes of a frame."""
        return self.manifest.input.bytes

    @property
    def history_bytes(self) -> int:
        """Bytes of memory for one stream's earlier images, four a pixel; 0 for a chip without ingest."""
        return 4 * self.manifest.input.height * self.manifest.input.width if self.manifest.ingest else 0

    @property
    def identity(self) -> tuple[tuple[str, int, int], ...]:
        """The registers that tell one build's chip from another's: each one's name and offset (model.registers), and
        the word that it must read."""
        height, width, channels = self.input_shape
        shape = reg.InputShape
        return (
            ("BUILD_HASH", reg.BUILD_HASH, self.build_hash),
            (
                "INPUT_SHAPE",
                reg.INPUT_SHAPE,
                shape.HEIGHT.word(height) | shape.WIDTH.word(width) | shape.CHANNELS.word(channels),
            ),
            ("INPUT_BYTES", reg.INPUT_BYTES, self.input_bytes),
            ("SHAPE_HASH", reg.SHAPE_HASH, int(self.manifest.shape, 16)),
            ("IMAGE_BYTES", reg.IMAGE_BYTES, image.size(self.manifest.load_words)),
            ("MODELS", reg.MODELS, self.manifest.models),
            ("OUTPUT_LOGITS", reg.OUTPUT_LOGITS, self.manifest.logits),
            ("RECORD_BYTES", reg.RECORD_BYTES, self.manifest.record_bytes),
            ("STREAMS", reg.STREAMS, self.manifest.streams),
            ("FRAME_INTERVAL", reg.FRAME_INTERVAL, self.manifest.frame_interval),
            ("HISTORY_BYTES", reg.HISTORY_BYTES, self.history_bytes),
        )


def state_folder(build: Path) -> Path:
    """Where what must outlive a run of a build, or of an exported model, is kept: events that wait, a
    board's keys, where its runs are reached."""
    folder = build if build.is_dir() else build.parent
    return folder.parent if folder.name == "export" else folder  # an export replaces its folder as a whole


def integer_arrays(model: Path) -> dict[str, np.ndarray]:
    """The arrays of an integer model's file, of which `Reference.load` has said that it is one."""
    with np.load(model, allow_pickle=False) as content:
        return {key: content[key] for key in content.files if key != "graph"}


def _as_clocked(folder: Path, manifest: ChipManifest) -> ChipManifest:
    """The chip's manifest, with the clock of its bitstream where that is slower than the board's. Whether the bitstream
    is whole is asked by who loads it."""
    try:
        made = json.loads((folder / "bitstream" / FILE).read_text())
        clock = float(made["clock_mhz"]) if made["build_hash"] == manifest.build_hash else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        return manifest
    return replace(manifest, clock_mhz=clock) if 0 < clock < manifest.clock_mhz else manifest


def _check_core(folder: Path, manifest: ChipManifest) -> None:
    """Raise BuildError where the core beside the manifest is not the one it names; a board's archive has none."""
    if not (folder / FILE).is_file():
        return
    content = CoreManifest.read(folder).content
    if content != manifest.core_content:
        raise BuildError(
            f"{folder / FILE}: the core of another chip (its content begins {content[:16]}, the manifest names "
            f"{manifest.core_content[:16]}); copy the whole build folder, or run `make compile` again"
        )


def _agree(path: Path, manifest: ChipManifest, reference: Reference) -> None:
    """Raise BuildError at the first value in which the manifest contradicts the model it names."""
    size = manifest.input
    rows, columns, channels = reference.input_shape
    classes = len(reference.classes)
    for name, said, right in (
        ("input", [size.height, size.width, size.channels], [rows, columns, channels]),
        ("input.bytes", size.bytes, rows * columns * channels),
        ("classes", list(manifest.classes), reference.classes),
        ("logits", manifest.logits, classes),
        ("streams", manifest.streams, reference.streams),
        ("record_bytes", manifest.record_bytes, Record.size(classes)),
    ):
        if said != right:
            raise BuildError(f"{path}: {name} is {said}, but the model's is {right}; run `make compile` again")
