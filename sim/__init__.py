"""The bit-exact reference, the Verilator model and the cocotb benches."""
