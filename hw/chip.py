# SPDX-License-Identifier: BSD-3-Clause
"""The chip's folder: the compiled core, the shell around it, and what the driver needs to know of both.

build/PRESET/BOARD/chip/
    manifest.json   what it is made of; the driver compares it with the chip's registers
    model.npz       the integer model (docs/integer-model.md)
    selftest.npz    frames and the logits that the integer model gives for them (hw.selftest)
    rtl/            the shell (with ingest where the preset wants it), and chip_config_pkg.sv with this build's numbers
    core/           the core's folder, as hw.core leaves it
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from shiftcore.artifacts import atomic_folder, digest
from shiftcore.errors import UserError
from shiftcore.hw import selftest
from shiftcore.hw.boards import FAMILIES, Board
from shiftcore.hw.rtl import RTL
from shiftcore.model import image, limits, records
from shiftcore.model import manifest as manifests
from shiftcore.model.manifest import ChipManifest, CoreManifest, FrameSize
from shiftcore.model.records import Record
from shiftcore.model.reference import Reference, weights_digest

CONTEXT_PACKAGE = "context_pkg.sv"
PACKAGES = (CONTEXT_PACKAGE, "chip_pkg.sv")
"""The contract's, of which a core has the first as well."""

SHELL = (
    "lutram_fifo.sv",
    "byte_gearbox.sv",
    "dma_read.sv",
    "dma_write.sv",
    "axil_registers.sv",
    "result_writer.sv",
    "model_loader.sv",
    "shell.sv",
    "chip.sv",
)
"""The RTL around the core, in compile order, behind its packages."""

INGEST = (
    "plane_geometry.sv",
    "plane_read.sv",
    "box_divide.sv",
    "box_average.sv",
    "motion_pixels.sv",
    "axi_read_arbiter.sv",
    "axi_write_arbiter.sv",
    manifests.INGEST,
)
"""What is beside it in a chip that takes planes."""


def config_package(build_hash: str, shape_hash: str, model_hash: str, numbers: dict[str, int]) -> str:
    """The text of chip_config_pkg.sv: the hashes, eight hexadecimal digits each, and the build's numbers by name."""
    hashes = {"BUILD_HASH": build_hash, "SHAPE_HASH": shape_hash, "MODEL_HASH": model_hash}
    lines = [f"\tlocalparam logic [31:0]  {name} = 32'h{value};\n" for name, value in hashes.items()]
    lines += [f"\tlocalparam int unsigned  {name} = {number};\n" for name, number in numbers.items()]
    return (
        "// The numbers of this build (written by hw.chip).\n`default_nettype none\n\npackage chip_config_pkg;\n"
        f"{''.join(lines)}endpackage : chip_config_pkg\n\n`default_nettype wire\n"
    )


def _numbers(manifest: ChipManifest, core: CoreManifest, board: Board) -> dict[str, int]:
    shape = manifest.input
    return {
        "INPUT_HEIGHT": shape.height,
        "INPUT_WIDTH": shape.width,
        "INPUT_CHANNELS": shape.channels,
        "INPUT_BYTES": shape.bytes,
        "IN_ELEMENTS": core.input.elements,
        "OUTPUT_LOGITS": manifest.logits,
        "OUT_ELEMENTS": core.output.elements,
        "OUT_ELEMENT_BITS": core.output.element_bits,
        "RECORD_BYTES": manifest.record_bytes,
        "STREAMS": manifest.streams,
        "FRAME_INTERVAL": manifest.frame_interval,
        "AXI_ADDR_WIDTH": board.address_bits,
        "AXI_MAX_BURST": board.max_burst,
        "AXI_WRITE_BURST": board.write_burst,
        "LOAD_WORDS": manifest.load_words,
        "MODELS": manifest.models,
        "INGEST": int(manifest.ingest),
    }


def _check_origin(core: CoreManifest, where: Path, reference: Reference, model: Path) -> None:
    """That core and integer model are of one network, weights included."""
    with np.load(model, allow_pickle=False) as arrays:
        weights = weights_digest(reference.layers, dict(arrays))
    if reference.description.weights != weights:
        raise UserError(
            f"{model}: its weights are not those that its own description names: changed since, or written by an older "
            "version; run `make export`"
        )
    if core.model != reference.description.identity:
        raise UserError(
            f"{where}: compiled from another network than that of {model} (its weights, classes or alarm differ); "
            "compile the QONNX file that was exported together with it"
        )


def _check(core: CoreManifest, reference: Reference, board: Board, where: Path) -> None:
    """That core, model and board belong together, and that the shell can serve the core."""
    source, sink = core.input, core.output
    size = reference.input_shape[0] * reference.input_shape[1] * reference.input_shape[2]
    if core.board != board.name:
        raise UserError(f"{where}: compiled for {core.board}, not for {board.name}; run `make compile`")
    if (source.elements * source.beats, sink.elements * sink.beats) != (size, len(reference.classes)):
        raise UserError(f"{where}: not compiled from this integer model, the shapes differ; run `make compile`")
    context = where / "rtl" / CONTEXT_PACKAGE
    if context.is_file() and context.read_bytes() != (RTL / CONTEXT_PACKAGE).read_bytes():
        raise UserError(f"{where}: compiled for another context word (hw/chip.toml); run `make compile`")
    if (source.element_bits, source.signed, sink.signed) != (8, False, True):
        raise UserError(f"{where}: the shell takes a core of uint8 frames and signed logits only")
    if reference.description.preset.hardware.ingest and source.elements != reference.input_shape[2]:
        raise UserError(
            f"{where}: its first layer takes {source.elements} bytes a cycle, and ingest gives a pixel's "
            f"{reference.input_shape[2]}; lower hardware.target_fps, or leave hardware.ingest out"
        )


def _manifest(core: CoreManifest, reference: Reference, board: Board, model: Path, content: str) -> ChipManifest:
    height, width, channels = reference.input_shape
    logits = len(reference.classes)
    packages = [f"core/{file}" for file in core.files if file.endswith("_pkg.sv") and file != f"rtl/{CONTEXT_PACKAGE}"]
    rest = [f"core/{file}" for file in core.files if not file.endswith("_pkg.sv")]
    return ChipManifest(
        preset=reference.description.preset.name,
        board=board.name,
        family=board.family,
        part=board.part,
        clock_mhz=board.clock_mhz,
        base_address=board.base_address,
        memory_port=board.memory_port,
        address_bits=board.address_bits,
        max_burst=board.max_burst,
        write_burst=board.write_burst,
        build_hash=content[:8],
        input=FrameSize(height, width, channels, height * width * channels),
        logits=logits,
        classes=tuple(reference.classes),
        streams=core.streams,
        record_bytes=Record.size(logits),
        frame_interval=core.frame_interval,
        top="chip",
        files=(
            *(f"rtl/{file}" for file in (*PACKAGES, "chip_config_pkg.sv")), *packages,
            *rest, *(f"rtl/{file}" for file in _shell(reference)),
        ),
        core_content=core.content,
        shape=core.shape[:8],
        load_words=sum(image.words(memory) for memory in core.memories),
        memories=core.memories,
        model=hashlib.sha256(model.read_bytes()).hexdigest(),
        content=content,
        models=core.models,
    )  # fmt: skip


def _shell(reference: Reference) -> tuple[str, ...]:
    """The RTL around the core of a model, in compile order."""
    return (*INGEST, *SHELL) if reference.description.preset.hardware.ingest else SHELL


def build_chip(core_folder: Path, model: Path, board: Board) -> Path:
    """Put the chip of a compiled core beside it, unless it is there already; returns its folder.

    `model` is the integer model (.npz) of the same network. The same inputs give the same bytes. Raises UserError
    where core, model and board do not belong together.
    """
    core = CoreManifest.read(core_folder)
    folder = core_folder.parent / "chip"
    if not model.is_file():
        raise UserError(f"{model}: no such file; `make export` writes the integer model beside the QONNX file")
    reference = Reference.load(model)
    sources = [RTL / file for file in (*PACKAGES, *_shell(reference))]
    makers = [Path(__file__), *(Path(str(module.__file__)) for module in (selftest, manifests, image, records, limits))]
    family = json.dumps(FAMILIES[board.family].model_dump())
    content = digest(core.content, board.model_dump_json(), family, model, *sources, *makers)
    if _is_built(folder, content):
        return folder
    _check(core, reference, board, core_folder)
    _check_origin(core, core_folder, reference, model)
    manifest = _manifest(core, reference, board, model, content)
    with atomic_folder(folder) as temporary:
        (temporary / "rtl").mkdir()
        for source in sources:
            shutil.copyfile(source, temporary / "rtl" / source.name)
        with np.load(model, allow_pickle=False) as arrays:
            held = image.model_hash(image.payload(core.memories, dict(arrays)))
        package = config_package(manifest.build_hash, manifest.shape, held, _numbers(manifest, core, board))
        (temporary / "rtl" / "chip_config_pkg.sv").write_text(package)
        shutil.copyfile(model, temporary / "model.npz")
        selftest.write(temporary / "selftest.npz", reference)
        shutil.copytree(core_folder, temporary / "core")
        manifest.write(temporary)
    return folder


def _is_built(folder: Path, content: str) -> bool:
    try:
        return ChipManifest.read(folder).content == content
    except (OSError, UserError):
        return False
