# SPDX-License-Identifier: BSD-3-Clause
"""Cameras whose images another machine decodes and shrinks: `shiftcore feed` there, `shiftcore serve` on the board."""
