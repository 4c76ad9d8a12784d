// SPDX-License-Identifier: BSD-3-Clause
// The words of the bank that the frame belongs to, out of banks that work side by side.
//
// Function    Each bank of weights, or of thresholds, is a memory of its own that does what it would do alone, and all do
//             the same at the same time, whatever they hold: they are offered the same and taken from together. Here one
//             of their words goes on, that of the bank which the frame's context names. A frame is BEATS words; its
//             context is consumed with the last one, and no word passes without one.
// Throughput  One word a cycle, also from frame to frame and from bank to bank.
// Latency     None. Ready depends on the output's and on valid combinationally, valid does not depend on ready.
`default_nettype none

module bank_select #(
	parameter int unsigned MODELS = 2,	// banks
	parameter int unsigned WIDTH = 8,
	parameter int unsigned BEATS = 1,	// words of a frame
	localparam int unsigned BANK_BITS = $clog2(MODELS)
)(
	input  wire                          clk,
	input  wire                          rst_n,

	input  wire [BANK_BITS-1:0]          s_bank_tdata,	// a word a frame
	input  wire                          s_bank_tvalid,
	output wire                          s_bank_tready,

	input  wire [MODELS-1:0][WIDTH-1:0]  s_tdata,
	input  wire                          s_tvalid,
	output wire                          s_tready,

	output wire [WIDTH-1:0]              m_tdata,
	output wire                          m_tvalid,
	input  wire                          m_tready
);
	localparam int unsigned  BEAT_BITS = BEATS > 1? $clog2(BEATS) : 1;

	initial begin
		if(MODELS < 2)  $error("%m: MODELS = %0d must be 2 or above.", MODELS);
		if(WIDTH < 1 || BEATS < 1)  $error("%m: WIDTH = %0d and BEATS = %0d must be 1 or above.", WIDTH, BEATS);
	end

	logic [BEAT_BITS-1:0]  Beat;
	wire  last = Beat == BEAT_BITS'(BEATS-1);
	wire  passes = m_tvalid && m_tready;

	assign  m_tvalid = s_tvalid && s_bank_tvalid;
	assign  m_tdata = s_tdata[s_bank_tdata];
	assign  s_tready = m_tready && s_bank_tvalid;
	assign  s_bank_tready = m_tready && s_tvalid && last;

	always_ff @(posedge clk) begin
		if(!rst_n)       Beat <= '0;
		else if(passes)  Beat <= last? '0 : Beat + 1'b1;
	end

endmodule : bank_select

`default_nettype wire
