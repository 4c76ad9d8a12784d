# SPDX-License-Identifier: BSD-3-Clause
"""Formal proofs of our RTL blocks with SymbiYosys: `make formal`. Here are the rules that several properties share."""
