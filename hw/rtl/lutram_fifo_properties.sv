// SPDX-License-Identifier: BSD-3-Clause
// lutram_fifo: words leave once and in the order they came; the level is exact.
`default_nettype none

module lutram_fifo_properties #(
	parameter int unsigned WIDTH,
	parameter int unsigned DEPTH
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [WIDTH-1:0]        in_data,
	input  wire                    in_valid,
	input  wire                    in_ready,

	input  wire [WIDTH-1:0]        out_data,
	input  wire                    out_valid,
	input  wire                    out_ready,

	input  wire [$clog2(DEPTH):0]  level
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
		.clk, .rst_n, .data(out_data), .valid(out_valid), .ready(out_ready));

	wire [$clog2(DEPTH+1):0]  held;
	in_order #(.WIDTH(WIDTH), .CAPACITY(DEPTH))  order(
		.clk, .rst_n, .push(in_valid && in_ready), .push_data(in_data),
		.pop(out_valid && out_ready), .pop_data(out_data), .held);

	always_comb if(rst_n) begin
		exact_level: assert(32'(level) == 32'(held));
		offered: assert(out_valid == (held != 0));
		has_room: assert(in_ready == (32'(held) < DEPTH));
		if(was_reset)  reset_leaves_nothing: assert(!out_valid);
		full: cover(!in_ready);
		back_to_back: cover(in_valid && in_ready && out_valid && out_ready);
	end

endmodule : lutram_fifo_properties

bind lutram_fifo lutram_fifo_properties #(.WIDTH(WIDTH), .DEPTH(DEPTH))  properties(.*);

`default_nettype wire
