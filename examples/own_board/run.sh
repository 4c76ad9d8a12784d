#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Compile for a board that an installed package offers, then for the same file by its path.
set -e
shiftcore compile --preset nano.toml --board arty-z7-20
shiftcore compile --preset nano.toml --board own_board/arty-z7-20.toml
