# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch and Brevitas: the network, its data, training and QONNX export."""

import warnings

warnings.filterwarnings("ignore", message="fast_hadamard_transform")  # Brevitas' wish for a GPU kernel we do not need
