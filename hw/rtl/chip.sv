// SPDX-License-Identifier: BSD-3-Clause
// The chip: the compiled network inside its shell, one clock. What depends on the network comes from the package
// chip_config_pkg, which is written beside this file for each build (hw/chip.py).
//
// Function    AXI4-Lite registers in, one AXI port to memory (INCR bursts of 64-bit words, one ID), an interrupt.
// Throughput  One frame in FRAME_INTERVAL cycles.
// Latency     That of the core, counted by the shell for each frame.
`default_nettype none

module chip
	import chip_config_pkg::*;
(
	input  wire  clk,
	input  wire  rst_n,	// synchronous, active low
	output wire  irq,

	input  wire [11:0]  s_axil_awaddr,
	input  wire [ 2:0]  s_axil_awprot,
	input  wire         s_axil_awvalid,
	output wire         s_axil_awready,
	input  wire [31:0]  s_axil_wdata,
	input  wire [ 3:0]  s_axil_wstrb,
	input  wire         s_axil_wvalid,
	output wire         s_axil_wready,
	output wire [ 1:0]  s_axil_bresp,
	output wire         s_axil_bvalid,
	input  wire         s_axil_bready,
	input  wire [11:0]  s_axil_araddr,
	input  wire [ 2:0]  s_axil_arprot,
	input  wire         s_axil_arvalid,
	output wire         s_axil_arready,
	output wire [31:0]  s_axil_rdata,
	output wire [ 1:0]  s_axil_rresp,
	output wire         s_axil_rvalid,
	input  wire         s_axil_rready,

	output wire [ 0:0]  m_axi_awid,
	output wire [AXI_ADDR_WIDTH-1:0]  m_axi_awaddr,
	output wire [ 7:0]  m_axi_awlen,
	output wire [ 2:0]  m_axi_awsize,
	output wire [ 1:0]  m_axi_awburst,
	output wire         m_axi_awlock,
	output wire [ 3:0]  m_axi_awcache,
	output wire [ 2:0]  m_axi_awprot,
	output wire [ 3:0]  m_axi_awqos,
	output wire         m_axi_awvalid,
	input  wire         m_axi_awready,
	output wire [63:0]  m_axi_wdata,
	output wire [ 7:0]  m_axi_wstrb,
	output wire         m_axi_wlast,
	output wire         m_axi_wvalid,
	input  wire         m_axi_wready,
	input  wire [ 0:0]  m_axi_bid,
	input  wire [ 1:0]  m_axi_bresp,
	input  wire         m_axi_bvalid,
	output wire         m_axi_bready,
	output wire [ 0:0]  m_axi_arid,
	output wire [AXI_ADDR_WIDTH-1:0]  m_axi_araddr,
	output wire [ 7:0]  m_axi_arlen,
	output wire [ 2:0]  m_axi_arsize,
	output wire [ 1:0]  m_axi_arburst,
	output wire         m_axi_arlock,
	output wire [ 3:0]  m_axi_arcache,
	output wire [ 2:0]  m_axi_arprot,
	output wire [ 3:0]  m_axi_arqos,
	output wire         m_axi_arvalid,
	input  wire         m_axi_arready,
	input  wire [ 0:0]  m_axi_rid,
	input  wire [63:0]  m_axi_rdata,
	input  wire [ 1:0]  m_axi_rresp,
	input  wire         m_axi_rlast,
	input  wire         m_axi_rvalid,
	output wire         m_axi_rready
);
	localparam int unsigned  OUT_BITS = OUT_ELEMENTS * OUT_ELEMENT_BITS;
	localparam int unsigned  CORE_OUT_BITS = 8*((OUT_BITS + 7) / 8);	// the core's port is whole bytes wide

	// The blocks inside check what concerns each of them.
	initial begin
		if(INPUT_BYTES != INPUT_HEIGHT*INPUT_WIDTH*INPUT_CHANNELS)
			$error("%m: INPUT_BYTES = %0d must be %0d x %0d x %0d.", INPUT_BYTES, INPUT_HEIGHT, INPUT_WIDTH, INPUT_CHANNELS);
	end

	// What never changes on the memory port: INCR bursts of 8-byte beats, normal memory, no ID but 0
	assign  m_axi_awid = '0;
	assign  m_axi_awsize = 3'd3;
	assign  m_axi_awburst = 2'b01;
	assign  m_axi_awlock = 1'b0;
	assign  m_axi_awcache = 4'b0011;
	assign  m_axi_awprot = '0;
	assign  m_axi_awqos = '0;
	assign  m_axi_arid = '0;
	assign  m_axi_arsize = 3'd3;
	assign  m_axi_arburst = 2'b01;
	assign  m_axi_arlock = 1'b0;
	assign  m_axi_arcache = 4'b0011;
	assign  m_axi_arprot = '0;
	assign  m_axi_arqos = '0;

	wire  core_rst_n;
	wire [8*IN_ELEMENTS-1:0]  frame_tdata;
	wire  frame_tvalid, frame_tready;
	wire [$bits(context_pkg::context_t) + (MODELS > 1? $clog2(MODELS) : 0) - 1:0]  ctx_tdata;
	wire  ctx_tvalid, ctx_tready;
	wire [MODELS-1:0]  load_begins;
	wire  load_tvalid;
	wire [31:0]  load_tdata;
	wire [CORE_OUT_BITS-1:0]  logits_tdata;
	wire  logits_tvalid, logits_tready;

	core core_i (
		.ap_clk(clk), .ap_rst_n(core_rst_n),
		.s_axis_tdata(frame_tdata), .s_axis_tvalid(frame_tvalid), .s_axis_tready(frame_tready),
		.s_axis_ctx_tdata(ctx_tdata), .s_axis_ctx_tvalid(ctx_tvalid), .s_axis_ctx_tready(ctx_tready),
		.load_begins, .s_axis_load_tdata(load_tdata), .s_axis_load_tvalid(load_tvalid),
		/* verilator lint_off PINCONNECTEMPTY */	// the loader counts the words itself
		.load_ends(),
		/* verilator lint_on PINCONNECTEMPTY */
		.m_axis_tdata(logits_tdata), .m_axis_tvalid(logits_tvalid), .m_axis_tready(logits_tready)
	);

	shell #(
		.BUILD_HASH(BUILD_HASH),
		.INPUT_HEIGHT(INPUT_HEIGHT), .INPUT_WIDTH(INPUT_WIDTH), .INPUT_CHANNELS(INPUT_CHANNELS),
		.INPUT_BYTES(INPUT_BYTES), .IN_ELEMENTS(IN_ELEMENTS),
		.OUTPUT_LOGITS(OUTPUT_LOGITS), .OUT_ELEMENTS(OUT_ELEMENTS), .OUT_ELEMENT_BITS(OUT_ELEMENT_BITS),
		.RECORD_BYTES(RECORD_BYTES), .STREAMS(STREAMS), .FRAME_INTERVAL(FRAME_INTERVAL),
		.AXI_ADDR_WIDTH(AXI_ADDR_WIDTH), .AXI_MAX_BURST(AXI_MAX_BURST), .AXI_WRITE_BURST(AXI_WRITE_BURST),
		.SHAPE_HASH(SHAPE_HASH), .MODEL_HASH(MODEL_HASH), .LOAD_WORDS(LOAD_WORDS), .MODELS(MODELS),
		.INGEST(INGEST != 0)
	) shell_i (
		.clk, .rst_n, .irq,
		.s_axil_awaddr, .s_axil_awvalid, .s_axil_awready, .s_axil_wdata, .s_axil_wstrb, .s_axil_wvalid, .s_axil_wready,
		.s_axil_bresp, .s_axil_bvalid, .s_axil_bready, .s_axil_araddr, .s_axil_arvalid, .s_axil_arready,
		.s_axil_rdata, .s_axil_rresp, .s_axil_rvalid, .s_axil_rready,
		.m_axi_awaddr, .m_axi_awlen, .m_axi_awvalid, .m_axi_awready,
		.m_axi_wdata, .m_axi_wstrb, .m_axi_wlast, .m_axi_wvalid, .m_axi_wready,
		.m_axi_bresp, .m_axi_bvalid, .m_axi_bready,
		.m_axi_araddr, .m_axi_arlen, .m_axi_arvalid, .m_axi_arready,
		.m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid, .m_axi_rready,
		.core_rst_n,
		.m_core_tdata(frame_tdata), .m_core_tvalid(frame_tvalid), .m_core_tready(frame_tready),
		.m_core_ctx_tdata(ctx_tdata), .m_core_ctx_tvalid(ctx_tvalid), .m_core_ctx_tready(ctx_tready),
		.load_begins, .m_load_tdata(load_tdata), .m_load_tvalid(load_tvalid),
		.s_core_tdata(logits_tdata[OUT_BITS-1:0]), .s_core_tvalid(logits_tvalid), .s_core_tready(logits_tready)
	);

	// One ID, so its answer says nothing; the registers are for every privilege. What pads the logits is no number.
	wire  unused = &{1'b0, m_axi_bid, m_axi_rid, s_axil_awprot, s_axil_arprot, logits_tdata};

endmodule : chip

`default_nettype wire
