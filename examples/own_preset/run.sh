#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Train a preset of one's own, export it, and look at what came out.
set -e
shiftcore qat --preset gate.toml
shiftcore export --preset gate.toml
python show.py build/gate/export/model.npz
