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

	input  wire [PE*LHS_BITS-1:0]  s_lhs_tdata,
	input  wire                    s_lhs_tvalid,
	input  wire                    s_lhs_tready,

	input  wire [PE*RHS_BITS-1:0]  s_rhs_tdata,
	input  wire                    s_rhs_tvalid,
	input  wire                    s_rhs_tready,

	input  wire [PE*OUT_BITS-1:0]  m_tdata,
	input  wire                    m_tvalid,
	input  wire                    m_tready
);
	localparam int unsigned  WIDE = OUT_BITS + 2;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(PE*LHS_BITS), .ASSUME(1))  lhs(
		.clk, .rst_n, .data(s_lhs_tdata), .valid(s_lhs_tvalid), .ready(s_lhs_tready));
	axi_stream_rules #(.WIDTH(PE*RHS_BITS), .ASSUME(1))  rhs(
		.clk, .rst_n, .data(s_rhs_tdata), .valid(s_rhs_tvalid), .ready(s_rhs_tready));
	axi_stream_rules #(.WIDTH(PE*OUT_BITS), .ASSUME(0))  sum(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	// As integers: an unsigned value gets a zero in front, a signed one its sign.
	wire signed [WIDE-1:0]  sums[PE];
	wire [PE*WIDE-1:0]  expected;
	wire [PE*WIDE-1:0]  actual;
	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [LHS_BITS-1:0]  l = s_lhs_tdata[p*LHS_BITS+:LHS_BITS];
		wire [RHS_BITS-1:0]  r = s_rhs_tdata[p*RHS_BITS+:RHS_BITS];
		wire [OUT_BITS-1:0]  o = m_tdata[p*OUT_BITS+:OUT_BITS];
		wire signed [LHS_BITS:0]  l_integer = {LHS_SIGNED && l[LHS_BITS-1], l};
		wire signed [RHS_BITS:0]  r_integer = {RHS_SIGNED && r[RHS_BITS-1], r};
		wire signed [OUT_BITS:0]  o_integer = {(LHS_SIGNED || RHS_SIGNED) && o[OUT_BITS-1], o};
		assign  sums[p] = WIDE'(l_integer) + WIDE'(r_integer);
		assign  expected[p*WIDE+:WIDE] = sums[p];
		assign  actual[p*WIDE+:WIDE] = WIDE'(o_integer);
	end : genLane

	wire  lhs_take = s_lhs_tvalid && s_lhs_tready;
	wire  rhs_take = s_rhs_tvalid && s_rhs_tready;
	wire [1:0]  held;
	in_order #(.WIDTH(PE*WIDE), .CAPACITY(1))  order(
		.clk, .rst_n, .push(lhs_take), .push_data(expected), .pop(m_tvalid && m_tready), .pop_data(actual), .held);

	always_comb if(rst_n) begin
		together: assert(lhs_take == rhs_take);
		offered: assert(m_tvalid == (held != 0));
		if(s_lhs_tvalid && s_rhs_tvalid && m_tready)  full_rate: assert(lhs_take);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		back_to_back: cover(lhs_take && m_tvalid && m_tready);
		stalled: cover(s_lhs_tvalid && s_rhs_tvalid && !lhs_take);
	end

endmodule : stream_add_properties

bind stream_add stream_add_properties #(
	.PE(PE), .LHS_BITS(LHS_BITS), .LHS_SIGNED(LHS_SIGNED), .RHS_BITS(RHS_BITS), .RHS_SIGNED(RHS_SIGNED),
	.OUT_BITS(OUT_BITS)
)  properties(.*);

`default_nettype wire
