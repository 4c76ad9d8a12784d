// SPDX-License-Identifier: BSD-3-Clause
// The top for Zynq-7: the processing system's primitive beside the chip. It has no ports, for the chip uses no pins, and
// the processor's own pins (DDR, MIO) are none of the fabric's.
//
// Function    FCLK0 through a global buffer is the clock of everything, FCLK_RESET0_N its reset. M_AXI_GP0 (AXI3)
//             reaches the registers through axi3_to_axil; the chip's memory port is S_AXI_HP0 (AXI3, 64 bit), its
//             interrupt IRQ_F2P[0]. All else of the processing system stays open.
// Throughput, latency  Those of the chip and of the bridge.
`default_nettype none

module top_zynq7;
	initial begin
		if(chip_config_pkg::AXI_ADDR_WIDTH != 32)
			$error("%m: the chip has %0d address bits, S_AXI_HP0 has 32.", chip_config_pkg::AXI_ADDR_WIDTH);
		if(chip_config_pkg::AXI_MAX_BURST > chip_pkg::ZYNQ7_READ_BURST)
			$error("%m: the chip makes bursts of %0d beats, S_AXI_HP0 takes %0d.",
				chip_config_pkg::AXI_MAX_BURST, chip_pkg::ZYNQ7_READ_BURST);
	end

	wire [3:0]  fclk, fclk_reset_n;
	wire  clk, rst_n;
	BUFG clock_buffer (.I(fclk[0]), .O(clk));
	reset_synchronizer reset_i (.clk, .async_rst_n(fclk_reset_n[0]), .rst_n);

	// From the processor: AXI3, 32 bit
	wire [11:0]  gp_awid, gp_bid, gp_arid, gp_rid;
	wire [31:0]  gp_awaddr, gp_araddr, gp_wdata, gp_rdata;
	wire [ 3:0]  gp_awlen, gp_arlen, gp_wstrb;
	wire [ 1:0]  gp_awsize, gp_arsize, gp_awburst, gp_arburst, gp_bresp, gp_rresp;
	wire [ 2:0]  gp_awprot, gp_arprot;
	wire  gp_awvalid, gp_awready, gp_wlast, gp_wvalid, gp_wready, gp_bvalid, gp_bready;
	wire  gp_arvalid, gp_arready, gp_rlast, gp_rvalid, gp_rready;

	// To the registers: AXI4-Lite
	wire [11:0]  axil_awaddr, axil_araddr;
	wire [ 2:0]  axil_awprot, axil_arprot;
	wire [31:0]  axil_wdata, axil_rdata;
	wire [ 3:0]  axil_wstrb;
	wire [ 1:0]  axil_bresp, axil_rresp;
	wire  axil_awvalid, axil_awready, axil_wvalid, axil_wready, axil_bvalid, axil_bready;
	wire  axil_arvalid, axil_arready, axil_rvalid, axil_rready;

	// To memory: AXI3 once the length is cut to 4 bits
	wire [31:0]  hp_awaddr, hp_araddr;
	wire [ 7:0]  hp_awlen, hp_arlen, hp_wstrb;
	wire [ 2:0]  hp_awsize, hp_arsize, hp_awprot, hp_arprot;
	wire [ 1:0]  hp_awburst, hp_arburst, hp_bresp, hp_rresp;
	wire [ 3:0]  hp_awcache, hp_arcache, hp_awqos, hp_arqos;
	wire [63:0]  hp_wdata, hp_rdata;
	wire [ 5:0]  hp_bid, hp_rid;
	wire [ 0:0]  hp_awid, hp_arid;
	wire  hp_awlock, hp_awvalid, hp_awready, hp_wlast, hp_wvalid, hp_wready, hp_bvalid, hp_bready;
	wire  hp_arlock, hp_arvalid, hp_arready, hp_rlast, hp_rvalid, hp_rready;

	wire  irq;

	axi3_to_axil #(.ID_BITS(12), .ADDR_BITS(12)) bridge (
		.clk, .rst_n,
		.s_axi_awid(gp_awid), .s_axi_awaddr(gp_awaddr[11:0]), .s_axi_awlen(gp_awlen), .s_axi_awsize(gp_awsize),
		.s_axi_awburst(gp_awburst), .s_axi_awprot(gp_awprot), .s_axi_awvalid(gp_awvalid), .s_axi_awready(gp_awready),
		.s_axi_wdata(gp_wdata), .s_axi_wstrb(gp_wstrb), .s_axi_wlast(gp_wlast),
		.s_axi_wvalid(gp_wvalid), .s_axi_wready(gp_wready),
		.s_axi_bid(gp_bid), .s_axi_bresp(gp_bresp), .s_axi_bvalid(gp_bvalid), .s_axi_bready(gp_bready),
		.s_axi_arid(gp_arid), .s_axi_araddr(gp_araddr[11:0]), .s_axi_arlen(gp_arlen), .s_axi_arsize(gp_arsize),
		.s_axi_arburst(gp_arburst), .s_axi_arprot(gp_arprot), .s_axi_arvalid(gp_arvalid), .s_axi_arready(gp_arready),
		.s_axi_rid(gp_rid), .s_axi_rdata(gp_rdata), .s_axi_rresp(gp_rresp), .s_axi_rlast(gp_rlast),
		.s_axi_rvalid(gp_rvalid), .s_axi_rready(gp_rready),
		.m_axil_awaddr(axil_awaddr), .m_axil_awprot(axil_awprot),
		.m_axil_awvalid(axil_awvalid), .m_axil_awready(axil_awready),
		.m_axil_wdata(axil_wdata), .m_axil_wstrb(axil_wstrb), .m_axil_wvalid(axil_wvalid), .m_axil_wready(axil_wready),
		.m_axil_bresp(axil_bresp), .m_axil_bvalid(axil_bvalid), .m_axil_bready(axil_bready),
		.m_axil_araddr(axil_araddr), .m_axil_arprot(axil_arprot),
		.m_axil_arvalid(axil_arvalid), .m_axil_arready(axil_arready),
		.m_axil_rdata(axil_rdata), .m_axil_rresp(axil_rresp), .m_axil_rvalid(axil_rvalid), .m_axil_rready(axil_rready)
	);

	chip chip_i (
		.clk, .rst_n, .irq,
		.s_axil_awaddr(axil_awaddr), .s_axil_awprot(axil_awprot),
		.s_axil_awvalid(axil_awvalid), .s_axil_awready(axil_awready),
		.s_axil_wdata(axil_wdata), .s_axil_wstrb(axil_wstrb), .s_axil_wvalid(axil_wvalid), .s_axil_wready(axil_wready),
		.s_axil_bresp(axil_bresp), .s_axil_bvalid(axil_bvalid), .s_axil_bready(axil_bready),
		.s_axil_araddr(axil_araddr), .s_axil_arprot(axil_arprot),
		.s_axil_arvalid(axil_arvalid), .s_axil_arready(axil_arready),
		.s_axil_rdata(axil_rdata), .s_axil_rresp(axil_rresp), .s_axil_rvalid(axil_rvalid), .s_axil_rready(axil_rready),
		.m_axi_awid(hp_awid), .m_axi_awaddr(hp_awaddr), .m_axi_awlen(hp_awlen), .m_axi_awsize(hp_awsize),
		.m_axi_awburst(hp_awburst), .m_axi_awlock(hp_awlock), .m_axi_awcache(hp_awcache), .m_axi_awprot(hp_awprot),
		.m_axi_awqos(hp_awqos), .m_axi_awvalid(hp_awvalid), .m_axi_awready(hp_awready),
		.m_axi_wdata(hp_wdata), .m_axi_wstrb(hp_wstrb), .m_axi_wlast(hp_wlast),
		.m_axi_wvalid(hp_wvalid), .m_axi_wready(hp_wready),
		.m_axi_bid(hp_bid[0]), .m_axi_bresp(hp_bresp), .m_axi_bvalid(hp_bvalid), .m_axi_bready(hp_bready),
		.m_axi_arid(hp_arid), .m_axi_araddr(hp_araddr), .m_axi_arlen(hp_arlen), .m_axi_arsize(hp_arsize),
		.m_axi_arburst(hp_arburst), .m_axi_arlock(hp_arlock), .m_axi_arcache(hp_arcache), .m_axi_arprot(hp_arprot),
		.m_axi_arqos(hp_arqos), .m_axi_arvalid(hp_arvalid), .m_axi_arready(hp_arready),
		.m_axi_rid(hp_rid[0]), .m_axi_rdata(hp_rdata), .m_axi_rresp(hp_rresp), .m_axi_rlast(hp_rlast),
		.m_axi_rvalid(hp_rvalid), .m_axi_rready(hp_rready)
	);

	// Without ports, only these attributes tell synthesis that there is anything to keep.
	/* verilator lint_off PINMISSING */	// some 500 ports of the processing system that nothing here uses
	(* keep = "true", dont_touch = "true" *)
	PS7 ps7_i (
		.FCLKCLK(fclk), .FCLKRESETN(fclk_reset_n),
		.FCLKCLKTRIGN(4'h0),	// not supported, and grounded by the manual's advice (UG585)
		.FPGAIDLEN(1'b1),	// active low: the fabric's AXI ports are never declared idle
		.IRQF2P(20'(irq)),

		.MAXIGP0ACLK(clk),
		.MAXIGP0AWID(gp_awid), .MAXIGP0AWADDR(gp_awaddr), .MAXIGP0AWLEN(gp_awlen), .MAXIGP0AWSIZE(gp_awsize),
		.MAXIGP0AWBURST(gp_awburst), .MAXIGP0AWPROT(gp_awprot),
		.MAXIGP0AWVALID(gp_awvalid), .MAXIGP0AWREADY(gp_awready),
		.MAXIGP0WDATA(gp_wdata), .MAXIGP0WSTRB(gp_wstrb), .MAXIGP0WLAST(gp_wlast),
		.MAXIGP0WVALID(gp_wvalid), .MAXIGP0WREADY(gp_wready),
		.MAXIGP0BID(gp_bid), .MAXIGP0BRESP(gp_bresp), .MAXIGP0BVALID(gp_bvalid), .MAXIGP0BREADY(gp_bready),
		.MAXIGP0ARID(gp_arid), .MAXIGP0ARADDR(gp_araddr), .MAXIGP0ARLEN(gp_arlen), .MAXIGP0ARSIZE(gp_arsize),
		.MAXIGP0ARBURST(gp_arburst), .MAXIGP0ARPROT(gp_arprot),
		.MAXIGP0ARVALID(gp_arvalid), .MAXIGP0ARREADY(gp_arready),
		.MAXIGP0RID(gp_rid), .MAXIGP0RDATA(gp_rdata), .MAXIGP0RRESP(gp_rresp), .MAXIGP0RLAST(gp_rlast),
		.MAXIGP0RVALID(gp_rvalid), .MAXIGP0RREADY(gp_rready),

		.SAXIHP0ACLK(clk), .SAXIHP0RDISSUECAP1EN(1'b0), .SAXIHP0WRISSUECAP1EN(1'b0),
		.SAXIHP0AWID({5'h0, hp_awid}), .SAXIHP0AWADDR(hp_awaddr), .SAXIHP0AWLEN(hp_awlen[3:0]),
		.SAXIHP0AWSIZE(hp_awsize[1:0]), .SAXIHP0AWBURST(hp_awburst), .SAXIHP0AWLOCK({1'b0, hp_awlock}),
		.SAXIHP0AWCACHE(hp_awcache), .SAXIHP0AWPROT(hp_awprot), .SAXIHP0AWQOS(hp_awqos),
		.SAXIHP0AWVALID(hp_awvalid), .SAXIHP0AWREADY(hp_awready),
		.SAXIHP0WID({5'h0, hp_awid}), .SAXIHP0WDATA(hp_wdata), .SAXIHP0WSTRB(hp_wstrb), .SAXIHP0WLAST(hp_wlast),
		.SAXIHP0WVALID(hp_wvalid), .SAXIHP0WREADY(hp_wready),
		.SAXIHP0BID(hp_bid), .SAXIHP0BRESP(hp_bresp), .SAXIHP0BVALID(hp_bvalid), .SAXIHP0BREADY(hp_bready),
		.SAXIHP0ARID({5'h0, hp_arid}), .SAXIHP0ARADDR(hp_araddr), .SAXIHP0ARLEN(hp_arlen[3:0]),
		.SAXIHP0ARSIZE(hp_arsize[1:0]), .SAXIHP0ARBURST(hp_arburst), .SAXIHP0ARLOCK({1'b0, hp_arlock}),
		.SAXIHP0ARCACHE(hp_arcache), .SAXIHP0ARPROT(hp_arprot), .SAXIHP0ARQOS(hp_arqos),
		.SAXIHP0ARVALID(hp_arvalid), .SAXIHP0ARREADY(hp_arready),
		.SAXIHP0RID(hp_rid), .SAXIHP0RDATA(hp_rdata), .SAXIHP0RRESP(hp_rresp), .SAXIHP0RLAST(hp_rlast),
		.SAXIHP0RVALID(hp_rvalid), .SAXIHP0RREADY(hp_rready)
	);
	/* verilator lint_on PINMISSING */

	// The other clocks; addresses above the registers' 4 KB (they are seen again at each); what 16 beats of 8 bytes
	// and one ID leave constant.
	wire  unused = &{1'b0, fclk[3:1], fclk_reset_n[3:1], gp_awaddr[31:12], gp_araddr[31:12], hp_awlen[7:4],
		hp_arlen[7:4], hp_awsize[2], hp_arsize[2], hp_bid[5:1], hp_rid[5:1]};

endmodule : top_zynq7

`default_nettype wire
