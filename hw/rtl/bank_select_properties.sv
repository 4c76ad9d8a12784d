// SPDX-License-Identifier: BSD-3-Clause
// bank_select: every word of a frame is that of the bank which the frame's context names, none passes without a context,
// and a context goes with its frame's last word.
`default_nettype none

module bank_select_properties #(
	parameter int unsigned MODELS,
	parameter int unsigned WIDTH,
	parameter int unsigned BEATS,
	parameter int unsigned BANK_BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [BANK_BITS-1:0]          s_bank_tdata,
	input  wire                          s_bank_tvalid,
	input  wire                          s_bank_tready,

	input  wire [MODELS-1:0][WIDTH-1:0]  s_tdata,
	input  wire                          s_tvalid,
	input  wire                          s_tready,

	input  wire [WIDTH-1:0]              m_tdata,
	input  wire                          m_tvalid,
	input  wire                          m_tready,

	// inside the block
	input  wire [31:0]  beat
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(MODELS*WIDTH), .ASSUME(1))  banks(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));
	axi_stream_rules #(.WIDTH(BANK_BITS), .ASSUME(1))  contexts(
		.clk, .rst_n, .data(s_bank_tdata), .valid(s_bank_tvalid), .ready(s_bank_tready));
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));
	always_comb if(s_bank_tvalid)  a_bank_that_is_there: assume(32'(s_bank_tdata) < MODELS);

	logic [31:0]  Passed;	// words of the frame
	wire  passes = m_tvalid && m_tready;
	wire  ends = s_bank_tvalid && s_bank_tready;
	always_ff @(posedge clk) begin
		if(!rst_n || ends)  Passed <= 0;
		else if(passes)     Passed <= Passed + 1;
	end

	// The bank's word, found without an index.
	logic [WIDTH-1:0]  expected;
	always_comb begin
		expected = '0;
		for(int unsigned i = 0; i < MODELS; i++)  if(32'(s_bank_tdata) == i)  expected = s_tdata[i];
	end

	always_comb if(rst_n) begin
		same_place: assert((beat == Passed) && (Passed < BEATS));
		with_a_context: assert(m_tvalid == (s_tvalid && s_bank_tvalid));
		if(m_tvalid)  of_its_bank: assert(m_tdata == expected);
		taken_as_it_passes: assert((s_tvalid && s_tready) == passes);
		ends_with_the_last: assert(ends == (passes && (Passed == BEATS - 1)));
		if(was_reset)  begins_anew: assert(Passed == 0);
		waits_for_a_context: cover(s_tvalid && !s_bank_tvalid);
		if(BEATS > 1)  in_the_middle: cover(passes && !ends);
		last_bank: cover(ends && (s_bank_tdata == BANK_BITS'(MODELS-1)));
	end

endmodule : bank_select_properties

bind bank_select bank_select_properties #(.MODELS(MODELS), .WIDTH(WIDTH), .BEATS(BEATS), .BANK_BITS(BANK_BITS))
	properties(.beat(32'(Beat)), .*);

`default_nettype wire
