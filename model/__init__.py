# SPDX-License-Identifier: BSD-3-Clause
"""What a model means, with NumPy alone: its integers, its input, its decision, its alarm."""
