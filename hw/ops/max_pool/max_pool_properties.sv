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

	input  wire [PE*BITS-1:0]  s_tdata,
	input  wire                s_tvalid,
	input  wire                s_tready,

	input  wire [PE*BITS-1:0]  m_tdata,
	input  wire                m_tvalid,
	input  wire                m_tready,

	input  wire [31:0]  position	// inside the block
);
	typedef logic [$clog2(KERNEL+1)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(1))  source(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	wire  take = s_tvalid && s_tready;
	wire  give = m_tvalid && m_tready;
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
		wire [BITS-1:0]  value_in = s_tdata[p*BITS+:BITS];
		wire [BITS-1:0]  value_out = m_tdata[p*BITS+:BITS];
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
		offered: assert(m_tvalid == (held != 0));
		if(!last || m_tready)  full_rate: assert(s_tready);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		stalled: cover(s_tvalid && !s_tready);
		back_to_back: cover(give && take && last);
	end

endmodule : max_pool_properties

bind max_pool max_pool_properties #(.PE(PE), .KERNEL(KERNEL), .BITS(BITS), .SIGNED(SIGNED))  properties(
	.position(32'(Position)), .*
);

`default_nettype wire
