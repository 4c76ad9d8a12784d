// SPDX-License-Identifier: BSD-3-Clause
// context_fanout: every reader gets every word once, in order; the input waits only for a reader DEPTH words behind.
`default_nettype none

module context_fanout_properties #(
	parameter int unsigned N,
	parameter int unsigned WIDTH,
	parameter int unsigned DEPTH
)(
	input  wire  clk,
	input  wire  rst,

	input  wire [WIDTH-1:0]         idat,
	input  wire                     ivld,
	input  wire                     irdy,

	input  wire [N-1:0][WIDTH-1:0]  odat,
	input  wire [N-1:0]             ovld,
	input  wire [N-1:0]             ordy
);
	wire  rst_n = !rst;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(1))  source(.clk, .rst_n, .data(idat), .valid(ivld), .ready(irdy));

	wire [N-1:0]  room;
	for(genvar  i = 0; i < N; i++) begin : genReader
		wire [$clog2(DEPTH+1):0]  held;
		axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
			.clk, .rst_n, .data(odat[i]), .valid(ovld[i]), .ready(ordy[i]));
		in_order #(.WIDTH(WIDTH), .CAPACITY(DEPTH))  order(
			.clk, .rst_n, .push(ivld && irdy), .push_data(idat), .pop(ovld[i] && ordy[i]), .pop_data(odat[i]), .held);
		assign  room[i] = 32'(held) < DEPTH;
		always_comb if(rst_n)  offered: assert(ovld[i] == (held != 0));
	end : genReader

	always_comb if(rst_n) begin
		waits_for_the_slowest: assert(irdy == &room);
		if(was_reset)  reset_leaves_nothing: assert(ovld == 0);
		full: cover(!irdy);
		back_to_back: cover(ivld && irdy && &(ovld & ordy));
	end

endmodule : context_fanout_properties

bind context_fanout context_fanout_properties #(.N(N), .WIDTH(WIDTH), .DEPTH(DEPTH))  properties(.*);

`default_nettype wire
