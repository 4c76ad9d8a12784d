// SPDX-License-Identifier: BSD-3-Clause
// box_divide: every quotient is the one that division gives, in order, whatever the pauses.
`default_nettype none

module box_divide_properties #(
	parameter int unsigned AREA_BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [AREA_BITS+7:0]  s_tdata,
	input  wire [AREA_BITS-1:0]  s_area,
	input  wire                  s_tvalid,
	input  wire                  s_tready,

	input  wire [7:0]            m_tdata,
	input  wire                  m_tvalid,
	input  wire                  m_tready
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH($bits(m_tdata)), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	wire [AREA_BITS+7:0]  area = (AREA_BITS+8)'(s_area);
	always_comb if(s_tvalid)  in_range: assume(s_tdata[AREA_BITS+7:8] < s_area);

	wire [4:0]  held;
	in_order #(.WIDTH($bits(m_tdata)), .CAPACITY(8))  order(
		.clk, .rst_n, .push(s_tvalid && s_tready), .push_data(8'(s_tdata / area)),
		.pop(m_tvalid && m_tready), .pop_data(m_tdata), .held);

	always_comb if(rst_n) begin
		if(!m_tvalid)  moves: assert(s_tready);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		largest: cover(m_tvalid && m_tready && (m_tdata == 8'hFF));
		full: cover((held == 8) && !m_tready);
	end

endmodule : box_divide_properties

bind box_divide box_divide_properties #(.AREA_BITS(AREA_BITS))  properties(.*);

`default_nettype wire
