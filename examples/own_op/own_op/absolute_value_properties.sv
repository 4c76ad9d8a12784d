// SPDX-License-Identifier: BSD-3-Clause
// absolute_value: beat n out is the magnitude of beat n in, in integers wider than both.
`default_nettype none

module absolute_value_properties #(
	parameter int unsigned PE,
	parameter int unsigned BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [PE*BITS-1:0]  s_tdata,
	input  wire                s_tvalid,
	input  wire                s_tready,

	input  wire [PE*BITS-1:0]  m_tdata,
	input  wire                m_tvalid,
	input  wire                m_tready
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(1))  source(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	wire [PE*(BITS+1)-1:0]  expected;
	wire [PE*(BITS+1)-1:0]  actual;
	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire signed [BITS-1:0]  value = s_tdata[p*BITS +: BITS];
		wire signed [BITS:0]    wide = (BITS+1)'(value);
		assign  expected[p*(BITS+1) +: BITS+1] = wide < 0? -wide : wide;
		assign  actual[p*(BITS+1) +: BITS+1] = {1'b0, m_tdata[p*BITS +: BITS]};
	end : genLane

	wire  take = s_tvalid && s_tready;
	wire  give = m_tvalid && m_tready;
	wire [1:0]  held;
	in_order #(.WIDTH(PE*(BITS+1)), .CAPACITY(1))  order(
		.clk, .rst_n, .push(take), .push_data(expected), .pop(give), .pop_data(actual), .held);

	always_comb if(rst_n) begin
		offered: assert(m_tvalid == (held != 0));
		if(m_tready)  full_rate: assert(s_tready);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		stalled: cover(s_tvalid && !s_tready);
		back_to_back: cover(take && give);
	end

endmodule : absolute_value_properties

bind absolute_value absolute_value_properties #(.PE(PE), .BITS(BITS))  properties(.*);

`default_nettype wire
