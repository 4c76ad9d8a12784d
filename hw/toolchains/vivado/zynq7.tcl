# SPDX-License-Identifier: BSD-3-Clause
# Zynq-7: sources to bitstream in memory, with no project. Run in the folder that hw.toolchains.vivado prepared:
# vivado -mode batch -source zynq7.tcl -tclargs PART
lassign $argv part
foreach file [split [string trim [read [open sources.txt]]] \n] {
	if {[file extension $file] eq ".sv"} {
		read_verilog -sv $file
	} else {
		read_verilog $file
	}
}
read_xdc clock.xdc
set top top_zynq7
source implement.tcl
