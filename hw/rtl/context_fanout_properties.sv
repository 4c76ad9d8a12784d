// SPDX-License-Identifier: BSD-3-Clause
// context_fanout: every reader gets every word once, in order; the input waits only for a reader DEPTH words behind.
`default_nettype none

module context_fanout_properties #(
	parameter int unsigned N,
	parameter int unsigned WIDTH,
	parameter int unsigned DEPTH
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [WIDTH-1:0]         s_tdata,
	input  wire                     s_tvalid,
	input  wire                     s_tready,

	input  wire [N-1:0][WIDTH-1:0]  m_tdata,
	input  wire [N-1:0]             m_tvalid,
	input  wire [N-1:0]             m_tready
);

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(1))  source(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));

	wire [N-1:0]  room;
	for(genvar  i = 0; i < N; i++) begin : genReader
		wire [$clog2(DEPTH+1):0]  held;
		axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
			.clk, .rst_n, .data(m_tdata[i]), .valid(m_tvalid[i]), .ready(m_tready[i]));
		in_order #(.WIDTH(WIDTH), .CAPACITY(DEPTH))  order(
			.clk, .rst_n, .push(s_tvalid && s_tready), .push_data(s_tdata),
			.pop(m_tvalid[i] && m_tready[i]), .pop_data(m_tdata[i]), .held);
		assign  room[i] = 32'(held) < DEPTH;
		always_comb if(rst_n)  offered: assert(m_tvalid[i] == (held != 0));
	end : genReader

	always_comb if(rst_n) begin
		waits_for_the_slowest: assert(s_tready == &room);
		if(was_reset)  reset_leaves_nothing: assert(m_tvalid == 0);
		full: cover(!s_tready);
		back_to_back: cover(s_tvalid && s_tready && &(m_tvalid & m_tready));
	end

endmodule : context_fanout_properties

bind context_fanout context_fanout_properties #(.N(N), .WIDTH(WIDTH), .DEPTH(DEPTH))  properties(.*);

`default_nettype wire
