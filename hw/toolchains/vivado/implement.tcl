# SPDX-License-Identifier: BSD-3-Clause
# From sources that have been read to reports and a bitstream, for every family; takes `part` and `top`.
# What the reports say is judged by hw.toolchains.vivado, which takes the bitstream away when it must not be used.
synth_design -part $part -top $top
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -delay_type min_max -file timing.rpt
report_timing -max_paths 20 -file paths.rpt
report_power -file power.rpt
report_drc -file drc.rpt
write_bitstream -force shiftcore.bit
