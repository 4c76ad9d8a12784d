// SPDX-License-Identifier: BSD-3-Clause
// motion_pixels: each beat has the newest image's pixel and both differences, doubled around 127 and clipped.
`default_nettype none

module motion_pixels_properties #(
	parameter int unsigned TAG_BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [3:0][7:0]      s_tdata,
	input  wire [1:0]           s_lane,
	input  wire [TAG_BITS-1:0]  s_tag,
	input  wire                 s_tvalid,
	input  wire                 s_tready,

	input  wire [2:0][7:0]      m_tdata,
	input  wire [TAG_BITS-1:0]  m_tag,
	input  wire                 m_tvalid,
	input  wire                 m_tready
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(24 + TAG_BITS), .ASSUME(0))  sink(
		.clk, .rst_n, .data({m_tag, m_tdata}), .valid(m_tvalid), .ready(m_tready));

	// By comparison of the two pixels, where the block calculates.
	function automatic logic [7:0] expected(input logic [7:0] now, input logic [7:0] ago);
		logic [7:0]  distance;
		distance = now >= ago? now - ago : ago - now;
		if(now >= ago)  expected = distance >= 64? 8'd255 : 8'd127 + 8'(distance << 1);
		else            expected = distance >= 64? 8'd0 : 8'd127 - 8'(distance << 1);
	endfunction : expected
	logic [2:0][7:0]  pixels;
	always_comb unique case(s_lane)
		2'd0:  pixels = {s_tdata[2], s_tdata[3], s_tdata[0]};
		2'd1:  pixels = {s_tdata[3], s_tdata[0], s_tdata[1]};
		2'd2:  pixels = {s_tdata[0], s_tdata[1], s_tdata[2]};
		2'd3:  pixels = {s_tdata[1], s_tdata[2], s_tdata[3]};
	endcase
	wire [2:0][7:0]  beat = {expected(pixels[1], pixels[2]), expected(pixels[0], pixels[1]), pixels[0]};

	wire [1:0]  held;
	in_order #(.WIDTH(24 + TAG_BITS), .CAPACITY(1))  order(
		.clk, .rst_n, .push(s_tvalid && s_tready), .push_data({s_tag, beat}),
		.pop(m_tvalid && m_tready), .pop_data({m_tag, m_tdata}), .held);

	always_comb if(rst_n) begin
		offered: assert(m_tvalid == (held != 0));
		if(!m_tvalid)  moves: assert(s_tready);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		brighter: cover(m_tvalid && (m_tdata[1] == 255) && (m_tdata[2] == 0));
	end

endmodule : motion_pixels_properties

bind motion_pixels motion_pixels_properties #(.TAG_BITS(TAG_BITS))  properties(.*);

`default_nettype wire
