// SPDX-License-Identifier: BSD-3-Clause
// max_pool: each beat out is, lane by lane, the largest of its window's KERNEL beats.
`default_nettype none

module max_pool_properties #(
	parameter int unsigned PE,
	parameter int unsigned KERNEL,
	parameter int unsigned BITS,
	parameter bit          SIGNED
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [PE*BITS-1:0]  in_data,
	input  wire                in_valid,
	input  wire                in_ready,

	input  wire [PE*BITS-1:0]  out_data,
	input  wire                out_valid,
	input  wire                out_ready,

	input  wire [31:0]  position	// inside the block
);
	typedef logic [$clog2(KERNEL+1)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(1))  source(
		.clk, .rst_n, .data(in_data), .valid(in_valid), .ready(in_ready));
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(0))  sink(
		.clk, .rst_n, .data(out_data), .valid(out_valid), .ready(out_ready));

	wire  take = in_valid && in_ready;
	wire  give = out_valid && out_ready;
	count_t  Beat;	// of the window that comes in
	wire  last = Beat == count_t'(KERNEL-1);
	always_ff @(posedge clk)
		if(!rst_n)     Beat <= 0;
		else if(take)  Beat <= last? '0 : Beat + 1'b1;

	wire [1:0]  held;
	wire [PE*(BITS+1)-1:0]  largest;
	wire [PE*(BITS+1)-1:0]  actual;
	in_order #(.WIDTH(PE*(BITS+1)), .CAPACITY(1))  order(
		.clk, .rst_n, .push(take && last), .push_data(largest), .pop(give), .pop_data(actual), .held);

	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [BITS-1:0]  value_in = in_data[p*BITS+:BITS];
		wire [BITS-1:0]  value_out = out_data[p*BITS+:BITS];
		wire signed [BITS:0]  integer_in = {SIGNED && value_in[BITS-1], value_in};
		wire signed [BITS:0]  integer_out = {SIGNED && value_out[BITS-1], value_out};
		logic signed [BITS:0]  Largest;
		wire signed [BITS:0]  new_largest = (Beat != 0) && (Largest >= integer_in)? Largest : integer_in;
		always_ff @(posedge clk) if(take)  Largest <= new_largest;
		assign  largest[p*(BITS+1)+:BITS+1] = new_largest;
		assign  actual[p*(BITS+1)+:BITS+1] = integer_out;
	end : genLane

	always_comb if(rst_n) begin
		position_in_range: assert((position < KERNEL) && (position == 32'(Beat)));
		offered: assert(out_valid == (held != 0));
		if(!last || out_ready)  full_rate: assert(in_ready);
		if(was_reset)  reset_leaves_nothing: assert(!out_valid);
		stalled: cover(in_valid && !in_ready);
		back_to_back: cover(give && take && last);
	end

endmodule : max_pool_properties

bind max_pool max_pool_properties #(.PE(PE), .KERNEL(KERNEL), .BITS(BITS), .SIGNED(SIGNED))  properties(
	.position(32'(position)), .*
);

`default_nettype wire
