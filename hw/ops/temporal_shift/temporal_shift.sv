// SPDX-License-Identifier: BSD-3-Clause
// Temporal shift (TSM, Lin et al. 2019, uni-directional) over AXI4-Stream, NHWC, PE channels a beat.
//
// Function    Channels [0, SHIFT) of each pixel come from the previous frame of the same stream; the others pass.
//             A frame waits for its context word, which is consumed with the frame's last beat:
//               CLEAR   the shifted channels of this frame read as zero
//               STREAM  which state the frame reads and replaces
//             The first frame of a stream since reset also reads as zero. A stream >= STREAMS reads zero, writes nothing.
// Throughput  One beat a cycle, also from frame to frame and from stream to stream.
// Latency     One cycle.
//
// The memory holds SHIFT channels of every pixel of every stream. A beat reads the word it replaces at one address in
// one cycle (a single read-first port), so nothing can come between the read and the write, whatever the pauses.
// Streams are interleaved (address = position * STREAMS + stream), which costs an adder where stream * size would
// cost a multiplier. The memory itself is never reset. `Seen` is, and its bit is set only with the last beat of a
// frame: a stream is read only after all its words have been written since reset.
`default_nettype none

module temporal_shift
	import context_pkg::*;
#(
	parameter int unsigned CHANNELS,
	parameter int unsigned SHIFT,	// shifted channels, 1 .. CHANNELS
	parameter int unsigned PE,	// channels a beat: divides CHANNELS, and divides SHIFT or is not below it
	parameter int unsigned PIXELS,	// pixels a frame
	parameter int unsigned BITS,	// bits a channel
	parameter int unsigned STREAMS,	// 1 .. MAX_STREAMS
	parameter              RAM_STYLE	// "block" or "distributed"
)(
	input  wire                  clk,
	input  wire                  rst_n,

	input  wire [PE*BITS-1:0]    s_tdata,
	input  wire                  s_tvalid,
	output wire                  s_tready,

	input  wire context_t        s_ctx_tdata,
	input  wire                  s_ctx_tvalid,
	output wire                  s_ctx_tready,

	output logic [PE*BITS-1:0]   m_tdata,
	output logic                 m_tvalid,
	input  wire                  m_tready
);
	localparam int unsigned  WORDS = CHANNELS / PE;	// beats a pixel
	localparam int unsigned  SHIFTED = SHIFT > PE? SHIFT / PE : 1;	// of these, beats with shifted channels
	localparam int unsigned  WIDTH = (SHIFT < PE? SHIFT : PE) * BITS;
	localparam int unsigned  DEPTH = STREAMS * PIXELS * SHIFTED;

	localparam int unsigned  WORD_BITS = WORDS > 1? $clog2(WORDS) : 1;
	localparam int unsigned  PIXEL_BITS = PIXELS > 1? $clog2(PIXELS) : 1;
	localparam int unsigned  STREAM_BITS = STREAMS > 1? $clog2(STREAMS) : 1;
	localparam int unsigned  ADDRESS_BITS = DEPTH > 1? $clog2(DEPTH) : 1;

	initial begin
		if(SHIFT < 1 || SHIFT > CHANNELS)
			$error("%m: SHIFT = %0d must be 1 to CHANNELS = %0d.", SHIFT, CHANNELS);
		if(PE < 1 || CHANNELS % PE != 0 || (PE < SHIFT && SHIFT % PE != 0))
			$error("%m: PE = %0d must divide CHANNELS = %0d, and divide SHIFT = %0d or not be below it.",
				PE, CHANNELS, SHIFT);
		if(PIXELS < 1 || BITS < 1)
			$error("%m: PIXELS = %0d and BITS = %0d must be 1 or above.", PIXELS, BITS);
		if(STREAMS < 1 || STREAMS > MAX_STREAMS)
			$error("%m: STREAMS = %0d must be 1 to %0d.", STREAMS, MAX_STREAMS);
		// A string is as wide as it is long, and Verilator complains of a comparison of two widths: both are brought to
		// the 11 characters of the longer one.
		if(88'(RAM_STYLE) != 88'("block") && 88'(RAM_STYLE) != 88'("distributed"))
			$error("%m: RAM_STYLE = %s must be block or distributed.", RAM_STYLE);
	end

	//-----------------------------------------------------------------------
	// Position within the frame
	logic [WORD_BITS-1:0]     Word;
	logic [PIXEL_BITS-1:0]    Pixel;
	logic [ADDRESS_BITS-1:0]  Base;	// address of the word for stream 0
	logic [STREAMS-1:0]       Seen;

	wire  last_word = Word == WORD_BITS'(WORDS-1);
	wire  last = last_word && Pixel == PIXEL_BITS'(PIXELS-1);
	wire  shifted = 32'(Word) < SHIFTED;

	wire  clear = s_ctx_tdata.CLEAR;
	wire  in_range = 32'(s_ctx_tdata.STREAM) < STREAMS;
	wire [STREAM_BITS-1:0]   stream = STREAM_BITS'(s_ctx_tdata.STREAM);
	wire [ADDRESS_BITS-1:0]  address = Base + ADDRESS_BITS'(stream);

	wire  advance = !m_tvalid || m_tready;
	wire  take = advance && s_tvalid && s_ctx_tvalid;
	assign  s_tready = advance && s_ctx_tvalid;
	assign  s_ctx_tready = advance && s_tvalid && last;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			m_tvalid <= 1'b0;
			Word <= '0;
			Pixel <= '0;
			Base <= '0;
			Seen <= '0;
		end
		else begin
			if(advance)  m_tvalid <= take;
			if(take) begin
				Word <= last_word? '0 : Word + 1'b1;
				if(last_word)  Pixel <= last? '0 : Pixel + 1'b1;
				if(last)          Base <= '0;
				else if(shifted)  Base <= Base + ADDRESS_BITS'(STREAMS);
				if(last && in_range)  Seen[stream] <= 1'b1;
			end
		end
	end

	//-----------------------------------------------------------------------
	// The state, read and replaced
	(* ram_style = RAM_STYLE *)
	logic [WIDTH-1:0]  Memory[DEPTH];
	logic [WIDTH-1:0]  Previous;
	always_ff @(posedge clk) begin
		if(take) begin
			Previous <= Memory[address];
			if(shifted && in_range)  Memory[address] <= s_tdata[WIDTH-1:0];
		end
	end

	logic [PE*BITS-1:0]  Current;
	logic                UsePrevious;
	logic                UseZero;
	always_ff @(posedge clk) begin
		if(take) begin
			Current <= s_tdata;
			UsePrevious <= shifted;
			UseZero <= clear || !in_range || !Seen[stream];
		end
	end

	always_comb begin
		m_tdata = Current;
		if(UsePrevious)  m_tdata[WIDTH-1:0] = UseZero? '0 : Previous;
	end

endmodule : temporal_shift

`default_nettype wire
