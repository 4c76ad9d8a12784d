# SPDX-License-Identifier: BSD-3-Clause
"""What an exported integer model gives for one gray frame: show.py MODEL.npz"""

import sys

import numpy as np

from shiftcore import Reference

reference = Reference.load(sys.argv[1])
frame = np.full(reference.input_shape, 128, np.uint8)
print(dict(zip(reference.classes, reference.infer(frame, stream=0, clear=True).tolist(), strict=True)))
