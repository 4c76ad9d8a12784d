# SPDX-License-Identifier: BSD-3-Clause
# Zynq UltraScale+: a block design of the processing system, its interconnect and the chip, then as for any family.
# Run in the folder that hw.toolchains.vivado prepared:
# vivado -mode batch -source zynquplus.tcl -tclargs PART CLOCK_MHZ BASE_ADDRESS PLL FBDIV DIV2
# The last three are those of the board's PYNQ image, which pynq divides; hw.hwh.check_clock judges what comes out.
lassign $argv part mhz base pll fbdiv div2
create_project -force shiftcore project -part $part
add_files -norecurse [split [string trim [read [open sources.txt]]] \n]
update_compile_order -fileset sources_1

create_bd_design shiftcore
create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps
set_property -dict [list \
	CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__M_AXI_GP2 0 \
	CONFIG.PSU__USE__S_AXI_GP2 1 CONFIG.PSU__SAXIGP2__DATA_WIDTH 64 \
	CONFIG.PSU__USE__IRQ0 1 \
	CONFIG.PSU__PSS_REF_CLK__FREQMHZ 33.333 \
	CONFIG.PSU__CRL_APB__${pll}_CTRL__FBDIV $fbdiv CONFIG.PSU__CRL_APB__${pll}_CTRL__DIV2 $div2 \
	CONFIG.PSU__FPGA_PL0_ENABLE 1 CONFIG.PSU__CRL_APB__PL0_REF_CTRL__SRCSEL $pll \
	CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $mhz] [get_bd_cells ps]
create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset
create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect control
create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect memory
set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 1] [get_bd_cells control]
set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 1] [get_bd_cells memory]
create_bd_cell -type module -reference top_zynquplus chip

connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins ps/maxihpm0_fpd_aclk] [get_bd_pins ps/saxihp0_fpd_aclk] \
	[get_bd_pins reset/slowest_sync_clk] [get_bd_pins control/aclk] [get_bd_pins memory/aclk] [get_bd_pins chip/clk]
connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset/ext_reset_in]
connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins control/aresetn] [get_bd_pins memory/aresetn] \
	[get_bd_pins chip/rst_n]
connect_bd_net [get_bd_pins chip/irq] [get_bd_pins ps/pl_ps_irq0]
connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_FPD] [get_bd_intf_pins control/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins control/M00_AXI] [get_bd_intf_pins chip/s_axil]
connect_bd_intf_net [get_bd_intf_pins chip/m_axi] [get_bd_intf_pins memory/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] [get_bd_intf_pins ps/S_AXI_HP0_FPD]
assign_bd_address -offset $base -range 4K -target_address_space [get_bd_addr_spaces ps/Data] \
	[get_bd_addr_segs chip/s_axil/reg0]
assign_bd_address
validate_bd_design
save_bd_design

set_property synth_checkpoint_mode None [get_files shiftcore.bd]
generate_target all [get_files shiftcore.bd]
add_files -norecurse [make_wrapper -top -files [get_files shiftcore.bd]]
update_compile_order -fileset sources_1
set top shiftcore_wrapper
source implement.tcl
