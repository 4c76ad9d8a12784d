# SPDX-License-Identifier: BSD-3-Clause
"""FINN+: QONNX -> streamlined graph -> folded dataflow -> RTL, with no vendor tool.

FINN is used as a library. The one setting it needs is a scratch folder, read when it is first imported.
"""

import logging
import os
import warnings

from shiftcore.artifacts import build_folder

os.environ.setdefault("FINN_BUILD_DIR", str(build_folder() / "finn"))

# FINN and qonnx report each tensor they look at; what matters to a user, our steps say themselves.
logging.getLogger("finn_logger").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module="(finn|qonnx|onnx).*")
warnings.filterwarnings("ignore", message="inputDataType changing")
