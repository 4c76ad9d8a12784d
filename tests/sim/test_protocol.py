# SPDX-License-Identifier: BSD-3-Clause
"""The protocol of the compiled core under cocotb: pauses, resets, clips and streams, every output the reference's."""

from pathlib import Path

import numpy as np

from shiftcore.artifacts import write_json
from shiftcore.model.manifest import CoreManifest
from shiftcore.model.reference import Reference
from shiftcore.sim import cocotb_runner
from shiftcore.sim.core import pack

SEED = 20
# Stream and clear of each frame. No test of a state is one unless a state is there to be seen: see `scenario`.
CONTEXTS = {
    "pauses": [(0, True), (0, False), (1, False)],
    "clip": [(2, False), (2, False), (2, True), (2, False)],
    "streams": [(0, True), (3, False), (0, False), (1, True), (3, False), (0, False)],
    "reset": [(1, False), (1, False)],
}


def integers(words: np.ndarray) -> list[int]:
    return [int.from_bytes(beat.tobytes(), "little") for beat in words]


def scenario(reference: Reference, manifest: CoreManifest, name: str) -> dict[str, list[int]]:
    """The words on each stream. Checks that a core that cleared, or kept, every state would be found out."""
    contexts = CONTEXTS[name]
    frames = np.random.default_rng(SEED).integers(0, 256, (len(contexts), *reference.input_shape), dtype=np.uint8)

    def logits(contexts: list[tuple[int, bool]]) -> np.ndarray:
        reference.reset()
        return np.stack([reference.infer(frame, *context) for frame, context in zip(frames, contexts, strict=True)])

    expected = logits(contexts)
    assert not np.array_equal(expected, logits([(stream, True) for stream, _ in contexts]))
    if name in {"clip", "streams"}:
        assert not np.array_equal(expected, logits([(0, False) for _ in contexts]))
    source, sink = manifest.input, manifest.output
    return {
        "words": integers(pack(frames, source.element_bits, source.elements, source.tdata_bits)),
        "contexts": [stream | clear << 7 for stream, clear in contexts],
        "expected": integers(pack(expected, sink.tdata_bits // sink.elements, sink.elements, sink.tdata_bits)),
    }


def test_protocol(tiny_core: Path, tiny_export: Path, tmp_path: Path) -> None:
    manifest, reference = CoreManifest.read(tiny_core), Reference.load(tiny_export / "model.npz")
    interval = manifest.frame_interval
    plan = {name: scenario(reference, manifest, name) for name in CONTEXTS}
    write_json(tmp_path / "plan.json", {"seed": SEED, "limit": 20 * interval, "interval": interval, **plan})
    folder = cocotb_runner.build_core(tiny_core)
    variables = {"PROTOCOL_PLAN": str(tmp_path / "plan.json")}
    assert cocotb_runner.run("core", "tests.sim.protocol_cocotb", folder, variables, SEED) == len(CONTEXTS)
