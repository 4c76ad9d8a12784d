"""Formal proofs of our RTL blocks with SymbiYosys: `make formal`. The properties are the SystemVerilog files here."""
