# SPDX-License-Identifier: BSD-3-Clause
"""How labelled videos lie on disk: one small class for each layout that people have. docs/data.md shows the trees.

A class says whether a folder is of its layout (`claims`) and lists what is in it (`samples`). `read` finds the class.
"""

from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.reading import LAYOUTS, read, read_each
from shiftcore.quant.layouts.sample import Dataset, Layout, Sample

__all__ = ["LAYOUTS", "Dataset", "Layout", "Listing", "Sample", "read", "read_each"]
