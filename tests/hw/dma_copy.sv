// SPDX-License-Identifier: BSD-3-Clause
// For a bench: dma_read and dma_write as one engine that copies frames of BYTES bytes, at one AXI port.
`default_nettype none

module dma_copy #(
	parameter int unsigned BYTES = 1024,
	parameter int unsigned MAX_BURST_BEATS = 16
)(
	input  wire         clk,
	input  wire         rst_n,

	input  wire [31:0]  from_address,
	input  wire         from_valid,
	output wire         from_ready,
	input  wire [31:0]  to_address,
	input  wire         to_valid,
	output wire         to_ready,
	output wire         done,
	output wire         error,

	output wire [0:0]   m_axi_awid,
	output wire [31:0]  m_axi_awaddr,
	output wire [7:0]   m_axi_awlen,
	output wire [2:0]   m_axi_awsize,
	output wire [1:0]   m_axi_awburst,
	output wire         m_axi_awvalid,
	input  wire         m_axi_awready,
	output wire [63:0]  m_axi_wdata,
	output wire [7:0]   m_axi_wstrb,
	output wire         m_axi_wlast,
	output wire         m_axi_wvalid,
	input  wire         m_axi_wready,
	input  wire [0:0]   m_axi_bid,
	input  wire [1:0]   m_axi_bresp,
	input  wire         m_axi_bvalid,
	output wire         m_axi_bready,
	output wire [0:0]   m_axi_arid,
	output wire [31:0]  m_axi_araddr,
	output wire [7:0]   m_axi_arlen,
	output wire [2:0]   m_axi_arsize,
	output wire [1:0]   m_axi_arburst,
	output wire         m_axi_arvalid,
	input  wire         m_axi_arready,
	input  wire [0:0]   m_axi_rid,
	input  wire [63:0]  m_axi_rdata,
	input  wire [1:0]   m_axi_rresp,
	input  wire         m_axi_rlast,
	input  wire         m_axi_rvalid,
	output wire         m_axi_rready
);
	assign  {m_axi_awid, m_axi_awsize, m_axi_awburst} = {1'b0, 3'd3, 2'b01};
	assign  {m_axi_arid, m_axi_arsize, m_axi_arburst} = {1'b0, 3'd3, 2'b01};

	wire [63:0]  data;
	wire  valid;
	wire  ready;
	wire [3:0]  errors;
	assign  error = errors != '0;

	dma_read #(.INPUT_BYTES(BYTES), .IN_ELEMENTS(8), .MAX_BURST_BEATS(MAX_BURST_BEATS)) read (
		.clk, .rst_n, .stop(1'b0), .quiet(), .busy(), .error_window(errors[0]), .error_response(errors[1]),
		.read_base('0), .read_limit('1),
		.s_descriptor_address(from_address), .s_descriptor_tag('0),
		.s_descriptor_tvalid(from_valid), .s_descriptor_tready(from_ready),
		.m_tdata(data), .m_tvalid(valid), .m_tready(ready), .m_first(), .m_last(), .m_tag(),
		.m_axi_araddr, .m_axi_arlen, .m_axi_arvalid, .m_axi_arready,
		.m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid, .m_axi_rready
	);
	dma_write #(.RECORD_BYTES(BYTES)) write (
		.clk, .rst_n, .stop(1'b0), .quiet(), .busy(), .error_window(errors[2]), .error_response(errors[3]), .done,
		.write_base('0), .write_limit('1),
		.s_record_address(to_address), .s_record_tvalid(to_valid), .s_record_tready(to_ready),
		.s_tdata(data), .s_tvalid(valid), .s_tready(ready),
		.m_axi_awaddr, .m_axi_awlen, .m_axi_awvalid, .m_axi_awready,
		.m_axi_wdata, .m_axi_wstrb, .m_axi_wlast, .m_axi_wvalid, .m_axi_wready,
		.m_axi_bresp, .m_axi_bvalid, .m_axi_bready
	);

endmodule : dma_copy

`default_nettype wire
