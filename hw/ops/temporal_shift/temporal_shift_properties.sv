// SPDX-License-Identifier: BSD-3-Clause
// temporal_shift: one word of the state (stream, pixel, group of channels) of the solver's choice is watched, over any
// frames of any streams: what leaves is what the stream's frame before had there, and zero where the state is void.
`default_nettype none

module temporal_shift_properties
	import context_pkg::*;
#(
	parameter int unsigned CHANNELS,
	parameter int unsigned SHIFT,
	parameter int unsigned PE,
	parameter int unsigned PIXELS,
	parameter int unsigned BITS,
	parameter int unsigned STREAMS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [PE*BITS-1:0]  s_tdata,
	input  wire                s_tvalid,
	input  wire                s_tready,

	input  wire context_t      s_ctx_tdata,
	input  wire                s_ctx_tvalid,
	input  wire                s_ctx_tready,

	input  wire [PE*BITS-1:0]  m_tdata,
	input  wire                m_tvalid,
	input  wire                m_tready,

	// inside the block
	input  wire [31:0]  word,
	input  wire [31:0]  pixel,
	input  wire [31:0]  address
);
	localparam int unsigned  WORDS = CHANNELS / PE;
	localparam int unsigned  SHIFTED = SHIFT > PE? SHIFT / PE : 1;
	localparam int unsigned  WIDTH = (SHIFT < PE? SHIFT : PE) * BITS;
	localparam int unsigned  BEATS = WORDS * PIXELS;
	typedef logic [$clog2(BEATS+1)-1:0]  count_t;
	typedef logic [PE*BITS-1:0]          beat_t;
	localparam beat_t  LOW = beat_t'((64'd1 << WIDTH) - 1);	// the shifted channels of a beat

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(1))  source(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));
	axi_stream_rules #(.WIDTH($bits(context_t)), .ASSUME(1))  frame_context(
		.clk, .rst_n, .data(s_ctx_tdata), .valid(s_ctx_tvalid), .ready(s_ctx_tready));
	axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	wire  take = s_tvalid && s_tready;
	count_t  Beat;	// of the frame that comes in
	count_t  Group;	// of its pixel
	wire  last = Beat == count_t'(BEATS-1);
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Beat <= 0;
			Group <= 0;
		end
		else if(take) begin
			Beat <= last? '0 : Beat + 1'b1;
			Group <= Group == count_t'(WORDS-1)? '0 : Group + 1'b1;
		end
	end
	wire  is_shifted = 32'(Group) < SHIFTED;

	// Never written but with themselves: values of the solver's choice for the whole run.
	logic [$bits(s_ctx_tdata.STREAM)-1:0]  WatchStream;
	count_t      WatchBeat;
	always_ff @(posedge clk) begin
		WatchStream <= WatchStream;
		WatchBeat <= WatchBeat;
	end
	always_comb begin
		stream_exists: assume(32'(WatchStream) < STREAMS);
		beat_exists: assume(32'(WatchBeat) < BEATS);
	end

	wire  known = 32'(s_ctx_tdata.STREAM) < STREAMS;	// a stream that has a state
	wire  watched = (s_ctx_tdata.STREAM == WatchStream) && (Beat == WatchBeat);
	logic   Whole;	// the watched stream had a whole frame since reset
	beat_t  Before;	// the watched beat of the stream's last frame, or of this one once it came
	beat_t  Expected;
	beat_t  Checked;	// bits of the waiting output beat for which an expectation stands
	beat_t  Mask;
	beat_t  state;
	always_comb begin
		Mask = is_shifted? LOW : '0;
		state = s_ctx_tdata.CLEAR || !known || !Whole? '0 : Before;
	end
	always_ff @(posedge clk) begin
		if(!rst_n)  Whole <= 0;
		else if(take && last && (s_ctx_tdata.STREAM == WatchStream))  Whole <= 1;
		if(take) begin
			if(watched)  Before <= s_tdata;
			Expected <= (s_tdata & ~Mask) | (state & Mask);
			Checked <= ~Mask | (watched || !known || s_ctx_tdata.CLEAR? Mask : '0);
		end
	end

	count_t  Sent;	// beats sent of the frame that goes out
	wire [1:0]  held;
	in_order #(.WIDTH($bits(count_t)), .CAPACITY(1))  order(
		.clk, .rst_n, .push(take), .push_data(Beat), .pop(m_tvalid && m_tready), .pop_data(Sent), .held);
	always_ff @(posedge clk)
		if(!rst_n)                       Sent <= 0;
		else if(m_tvalid && m_tready)  Sent <= Sent == count_t'(BEATS-1)? '0 : Sent + 1'b1;

	always_comb if(rst_n) begin
		word_in_range: assert((word < WORDS) && (word == 32'(Group)));
		pixel_in_range: assert(pixel < PIXELS);
		position: assert(32'(Beat) == 32'(count_t'(pixel) * count_t'(WORDS)) + word);
		if(is_shifted && known)  address_in_range: assert(address < STREAMS * PIXELS * SHIFTED);
		if(is_shifted && known)  address_is_own: assert(
			address == (32'(count_t'(pixel)) * SHIFTED + word) * STREAMS + 32'(s_ctx_tdata.STREAM));
		context_with_last_beat: assert((s_ctx_tvalid && s_ctx_tready) == (take && last));
		if(take)  has_context: assert(s_ctx_tvalid);
		offered: assert(m_tvalid == (held != 0));
		if(s_tvalid && s_ctx_tvalid && m_tready)  full_rate: assert(s_tready);
		if(m_tvalid)  shifted_by_one_frame: assert(((m_tdata ^ Expected) & Checked) == 0);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);

		remembered: cover(take && watched && is_shifted && Whole && !s_ctx_tdata.CLEAR && (Before & LOW) != 0);
		cleared: cover(take && watched && Whole && s_ctx_tdata.CLEAR);
		unknown: cover(take && !known);
		stalled: cover(s_tvalid && s_ctx_tvalid && !s_tready);
	end
	if(STREAMS > 1) begin : genOther
		always_comb another: cover(rst_n && take && known && (s_ctx_tdata.STREAM != WatchStream) && (Beat == WatchBeat) && Whole);
	end : genOther

endmodule : temporal_shift_properties

bind temporal_shift temporal_shift_properties #(
	.CHANNELS(CHANNELS), .SHIFT(SHIFT), .PE(PE), .PIXELS(PIXELS), .BITS(BITS), .STREAMS(STREAMS)
)  properties(.word(32'(Word)), .pixel(32'(Pixel)), .address(32'(address)), .*);

`default_nettype wire
