// SPDX-License-Identifier: BSD-3-Clause
// stream_add: beat n out is the sum of beats n of both sides, exactly, in integers wider than the output.
`default_nettype none

module stream_add_properties #(
	parameter int unsigned PE,
	parameter int unsigned LHS_BITS,
	parameter bit          LHS_SIGNED,
	parameter int unsigned RHS_BITS,
	parameter bit          RHS_SIGNED,
	parameter int unsigned OUT_BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [PE*LHS_BITS-1:0]  lhs_data,
	input  wire                    lhs_valid,
	input  wire                    lhs_ready,

	input  wire [PE*RHS_BITS-1:0]  rhs_data,
	input  wire                    rhs_valid,
	input  wire                    rhs_ready,

	input  wire [PE*OUT_BITS-1:0]  out_data,
	input  wire                    out_valid,
	input  wire                    out_ready
);
	localparam int unsigned  WIDE = OUT_BITS + 2;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(PE*LHS_BITS), .ASSUME(1))  lhs(
		.clk, .rst_n, .data(lhs_data), .valid(lhs_valid), .ready(lhs_ready));
	axi_stream_rules #(.WIDTH(PE*RHS_BITS), .ASSUME(1))  rhs(
		.clk, .rst_n, .data(rhs_data), .valid(rhs_valid), .ready(rhs_ready));
	axi_stream_rules #(.WIDTH(PE*OUT_BITS), .ASSUME(0))  sum(
		.clk, .rst_n, .data(out_data), .valid(out_valid), .ready(out_ready));

	// As integers: an unsigned value gets a zero in front, a signed one its sign.
	wire signed [WIDE-1:0]  sums[PE];
	wire [PE*WIDE-1:0]  expected;
	wire [PE*WIDE-1:0]  actual;
	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [LHS_BITS-1:0]  l = lhs_data[p*LHS_BITS+:LHS_BITS];
		wire [RHS_BITS-1:0]  r = rhs_data[p*RHS_BITS+:RHS_BITS];
		wire [OUT_BITS-1:0]  o = out_data[p*OUT_BITS+:OUT_BITS];
		wire signed [LHS_BITS:0]  l_integer = {LHS_SIGNED && l[LHS_BITS-1], l};
		wire signed [RHS_BITS:0]  r_integer = {RHS_SIGNED && r[RHS_BITS-1], r};
		wire signed [OUT_BITS:0]  o_integer = {(LHS_SIGNED || RHS_SIGNED) && o[OUT_BITS-1], o};
		assign  sums[p] = WIDE'(l_integer) + WIDE'(r_integer);
		assign  expected[p*WIDE+:WIDE] = sums[p];
		assign  actual[p*WIDE+:WIDE] = WIDE'(o_integer);
	end : genLane

	wire  lhs_take = lhs_valid && lhs_ready;
	wire  rhs_take = rhs_valid && rhs_ready;
	wire [1:0]  held;
	in_order #(.WIDTH(PE*WIDE), .CAPACITY(1))  order(
		.clk, .rst_n, .push(lhs_take), .push_data(expected), .pop(out_valid && out_ready), .pop_data(actual), .held);

	always_comb if(rst_n) begin
		together: assert(lhs_take == rhs_take);
		offered: assert(out_valid == (held != 0));
		if(lhs_valid && rhs_valid && out_ready)  full_rate: assert(lhs_take);
		if(was_reset)  reset_leaves_nothing: assert(!out_valid);
		back_to_back: cover(lhs_take && out_valid && out_ready);
		stalled: cover(lhs_valid && rhs_valid && !lhs_take);
	end

endmodule : stream_add_properties

bind stream_add stream_add_properties #(
	.PE(PE), .LHS_BITS(LHS_BITS), .LHS_SIGNED(LHS_SIGNED), .RHS_BITS(RHS_BITS), .RHS_SIGNED(RHS_SIGNED),
	.OUT_BITS(OUT_BITS)
)  properties(.*);

`default_nettype wire
