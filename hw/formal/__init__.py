# SPDX-License-Identifier: BSD-3-Clause
"""Formal proofs of our RTL blocks with SymbiYosys: `make formal`. The properties are the SystemVerilog files here."""
