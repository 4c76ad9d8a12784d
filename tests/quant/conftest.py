# SPDX-License-Identifier: BSD-3-Clause
"""Torch threads that wait for each other are slow where tests run side by side."""

import torch

torch.set_num_threads(1)
