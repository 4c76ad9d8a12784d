# SPDX-License-Identifier: BSD-3-Clause
"""The bit-exact reference, the Verilator model and the cocotb benches."""
