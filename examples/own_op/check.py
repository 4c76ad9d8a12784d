# SPDX-License-Identifier: BSD-3-Clause
"""check.py FOLDER: compile the network in FOLDER, and compare every layer of the RTL with the reference."""

import sys
from pathlib import Path

import numpy as np

from shiftcore import Reference, compile_model
from shiftcore.sim.core import CoreModel
from shiftcore.sim.trace import first_difference

folder = Path(sys.argv[1])
core = compile_model(folder / "model.onnx", "pynq-z2")
reference = Reference.load(folder / "model.npz")
random = np.random.default_rng(2)
frames = [(random.integers(0, 256, reference.input_shape, np.uint8), 0, False) for _ in range(8)]
difference = first_difference(reference, CoreModel(core, trace=True), frames)
if difference:
    sys.exit(f"error: {difference}")
outputs: dict[str, np.ndarray] = {}
reference.infer(*frames[0], outputs)
print(f"{core}: {len(frames)} frames, {len(outputs)} layers equal; magnitude up to {outputs['magnitude'].max()}")
