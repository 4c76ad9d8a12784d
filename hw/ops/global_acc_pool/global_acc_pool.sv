// SPDX-License-Identifier: BSD-3-Clause
// Global accumulating pool: sum of every channel over all pixels of a frame (AXI4-Stream, NHWC, PE channels a beat).
//
// Function    CHANNELS / PE accumulators of PE lanes. The sums leave with the beats of the frame's last pixel.
// Throughput  One input beat a cycle, also from frame to frame; only the last pixel's beats wait for the output.
// Latency     One cycle from a beat of the last pixel to its sum.
`default_nettype none

module global_acc_pool #(
	parameter int unsigned CHANNELS,
	parameter int unsigned PE,	// divides CHANNELS
	parameter int unsigned PIXELS,	// pixels a frame
	parameter int unsigned IN_BITS,
	parameter bit          SIGNED,
	parameter int unsigned OUT_BITS	// holds PIXELS * the largest magnitude of the input
)(
	input  wire                     clk,
	input  wire                     rst_n,

	input  wire [PE*IN_BITS-1:0]    s_tdata,
	input  wire                     s_tvalid,
	output wire                     s_tready,

	output logic [PE*OUT_BITS-1:0]  m_tdata,
	output logic                    m_tvalid,
	input  wire                     m_tready
);
	localparam int unsigned  WORDS = CHANNELS / PE;
	localparam int unsigned  WORD_BITS = WORDS > 1? $clog2(WORDS) : 1;
	localparam int unsigned  PIXEL_BITS = PIXELS > 1? $clog2(PIXELS) : 1;

	initial begin
		if(PE < 1 || CHANNELS < 1 || CHANNELS % PE != 0)
			$error("%m: PE = %0d must divide CHANNELS = %0d.", PE, CHANNELS);
		if(PIXELS < 1 || IN_BITS < 1 || OUT_BITS < IN_BITS)
			$error("%m: PIXELS = %0d and IN_BITS = %0d must be 1 or above, OUT_BITS = %0d not below IN_BITS.",
				PIXELS, IN_BITS, OUT_BITS);
	end

	logic [WORD_BITS-1:0]   Word;
	logic [PIXEL_BITS-1:0]  Pixel;

	wire  last_word = Word == WORD_BITS'(WORDS-1);
	wire  first_pixel = Pixel == '0;
	wire  last_pixel = Pixel == PIXEL_BITS'(PIXELS-1);

	wire  take = s_tvalid && s_tready;
	assign  s_tready = !last_pixel || !m_tvalid || m_tready;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			m_tvalid <= 1'b0;
			Word <= '0;
			Pixel <= '0;
		end
		else begin
			if(take && last_pixel)  m_tvalid <= 1'b1;
			else if(m_tready)       m_tvalid <= 1'b0;
			if(take) begin
				Word <= last_word? '0 : Word + 1'b1;
				if(last_word)  Pixel <= last_pixel? '0 : Pixel + 1'b1;
			end
		end
	end

	(* ram_style = "distributed" *)
	logic [PE*OUT_BITS-1:0]  Sums[WORDS];
	wire [PE*OUT_BITS-1:0]   sum = Sums[Word];
	wire [PE*OUT_BITS-1:0]   next;
	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [IN_BITS-1:0]  value = s_tdata[p*IN_BITS +: IN_BITS];
		logic [OUT_BITS-1:0]  extended;
		always_comb begin
			extended = {OUT_BITS{SIGNED && value[IN_BITS-1]}};
			extended[IN_BITS-1:0] = value;
		end
		assign  next[p*OUT_BITS +: OUT_BITS] = (first_pixel? '0 : sum[p*OUT_BITS +: OUT_BITS]) + extended;
	end : genLane

	always_ff @(posedge clk) begin
		if(take) begin
			Sums[Word] <= next;
			if(last_pixel)  m_tdata <= next;
		end
	end

endmodule : global_acc_pool

`default_nettype wire
