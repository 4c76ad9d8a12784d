#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The op's bench and its proof; then a network that has it, compiled, its RTL compared with the reference layer by layer.
set -e
python bench.py
shiftcore formal --block absolute_value
python network.py network
python check.py network
