// SPDX-License-Identifier: BSD-3-Clause
// lutram_fifo: words leave once and in the order they came; the level is exact.
`default_nettype none

module lutram_fifo_properties #(
	parameter int unsigned WIDTH,
	parameter int unsigned DEPTH
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [WIDTH-1:0]        s_tdata,
	input  wire                    s_tvalid,
	input  wire                    s_tready,

	input  wire [WIDTH-1:0]        m_tdata,
	input  wire                    m_tvalid,
	input  wire                    m_tready,

	input  wire [$clog2(DEPTH):0]  level
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	wire [$clog2(DEPTH+1):0]  held;
	in_order #(.WIDTH(WIDTH), .CAPACITY(DEPTH))  order(
		.clk, .rst_n, .push(s_tvalid && s_tready), .push_data(s_tdata),
		.pop(m_tvalid && m_tready), .pop_data(m_tdata), .held);

	always_comb if(rst_n) begin
		exact_level: assert(32'(level) == 32'(held));
		offered: assert(m_tvalid == (held != 0));
		has_room: assert(s_tready == (32'(held) < DEPTH));
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		full: cover(!s_tready);
		back_to_back: cover(s_tvalid && s_tready && m_tvalid && m_tready);
	end

endmodule : lutram_fifo_properties

bind lutram_fifo lutram_fifo_properties #(.WIDTH(WIDTH), .DEPTH(DEPTH))  properties(.*);

`default_nettype wire
