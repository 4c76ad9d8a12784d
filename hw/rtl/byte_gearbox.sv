// SPDX-License-Identifier: BSD-3-Clause
// Words of 8 bytes in, beats of BYTES bytes out: the bytes in order, from any byte of a frame's first word on.
//
// Function    A word gives its bytes `skip` to 7, the lowest first. The beat that is taken with `last` high is the last
//             of its frame: the bytes behind it are dropped, and the next word begins a frame. Whoever feeds the words
//             sees to it that no word of the next frame comes before that beat.
// Throughput  One word in or one beat out a cycle, whichever is scarcer.
// Latency     One cycle. `ready` of the input follows that of the output combinationally; valid comes from registers.
//
// The buffer's byte 0 is always the oldest. A new word is turned so that each of its bytes stands in a lane of the
// same number modulo 8 as its place in the buffer, and is written to all places from the first free one on: what it
// leaves behind its own last byte does not count.
`default_nettype none

module byte_gearbox #(
	parameter int unsigned BYTES = 3	// bytes of a beat
)(
	input  wire                clk,
	input  wire                rst_n,

	input  wire [63:0]         s_tdata,
	input  wire [2:0]          s_skip,
	input  wire                s_tvalid,
	output wire                s_tready,

	output wire [8*BYTES-1:0]  m_tdata,
	output wire                m_tvalid,
	input  wire                m_tready,
	input  wire                m_last	// with m_tvalid
);
	initial begin
		if(BYTES < 1)  $error("%m: BYTES = %0d must be 1 or above.", BYTES);
	end

	localparam int unsigned  SIZE = BYTES + 7;	// a word fits whenever there is less than a beat
	localparam int unsigned  FILL_BITS = $clog2(SIZE + 1);

	logic [SIZE-1:0][7:0]  Bytes;
	logic [FILL_BITS-1:0]  Fill;	// 0 .. SIZE: bytes that count

	assign  m_tvalid = Fill >= FILL_BITS'(BYTES);
	for(genvar i = 0; i < BYTES; i++) begin : genData
		assign  m_tdata[8*i +: 8] = Bytes[i];
	end : genData

	wire  take = m_tvalid && m_tready;
	wire [FILL_BITS-1:0]  kept = !take? Fill : m_last? '0 : Fill - FILL_BITS'(BYTES);
	assign  s_tready = kept < FILL_BITS'(BYTES);
	wire  put = s_tvalid && s_tready;

	always_ff @(posedge clk) begin
		if(!rst_n)  Fill <= '0;
		else        Fill <= put? kept + FILL_BITS'(4'd8 - 4'(s_skip)) : kept;
	end

	wire [2:0]  turn = 3'(kept) - s_skip;
	logic [7:0][7:0]  turned;
	always_comb begin
		for(int unsigned i = 0; i < 8; i++)  turned[i] = s_tdata[8*3'(3'(i) - turn) +: 8];
	end

	for(genvar i = 0; i < SIZE; i++) begin : genBytes
		wire [7:0]  older = !take? Bytes[i] : i + BYTES < SIZE? Bytes[(i + BYTES) % SIZE] : '0;
		always_ff @(posedge clk)  Bytes[i] <= FILL_BITS'(i) < kept? older : turned[i % 8];
	end : genBytes

endmodule : byte_gearbox

`default_nettype wire
