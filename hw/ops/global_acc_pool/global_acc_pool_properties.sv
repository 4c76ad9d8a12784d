// SPDX-License-Identifier: BSD-3-Clause
// global_acc_pool: the sums of one channel group and lane, of the solver's choice, over any frames; and all counts.
`default_nettype none

module global_acc_pool_properties #(
	parameter int unsigned CHANNELS,
	parameter int unsigned PE,
	parameter int unsigned PIXELS,
	parameter int unsigned IN_BITS,
	parameter bit          SIGNED,
	parameter int unsigned OUT_BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [PE*IN_BITS-1:0]   s_tdata,
	input  wire                    s_tvalid,
	input  wire                    s_tready,

	input  wire [PE*OUT_BITS-1:0]  m_tdata,
	input  wire                    m_tvalid,
	input  wire                    m_tready,

	// inside the block
	input  wire [31:0]  word,
	input  wire [31:0]  pixel
);
	localparam int unsigned  WORDS = CHANNELS / PE;
	localparam int unsigned  BEATS = WORDS * PIXELS;
	localparam int unsigned  COUNT_BITS = $clog2(BEATS+1);
	localparam int unsigned  WIDE = OUT_BITS + 2;
	typedef logic [COUNT_BITS-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(PE*IN_BITS), .ASSUME(1))  source(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));
	axi_stream_rules #(.WIDTH(PE*OUT_BITS), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	// Never written but with itself: one value of the solver's choice for the whole run.
	count_t  Watch;
	always_ff @(posedge clk)  Watch <= Watch;
	always_comb in_frame: assume(Watch < count_t'(WORDS));

	wire  take = s_tvalid && s_tready;
	wire  give = m_tvalid && m_tready;
	count_t  Beat;	// of the frame that comes in
	count_t  Group;	// of the frame that comes in
	count_t  Sent;	// beats sent of the frame that goes out
	wire  first_pixel = Beat < count_t'(WORDS);
	wire  last_pixel = Beat >= count_t'(BEATS - WORDS);
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Beat <= 0;
			Group <= 0;
			Sent <= 0;
		end
		else begin
			if(take) begin
				Beat <= Beat == count_t'(BEATS-1)? '0 : Beat + 1'b1;
				Group <= Group == count_t'(WORDS-1)? '0 : Group + 1'b1;
			end
			if(give)  Sent <= Sent == count_t'(WORDS-1)? '0 : Sent + 1'b1;
		end
	end

	wire [1:0]  held;
	in_order #(.WIDTH(COUNT_BITS), .CAPACITY(1))  order(
		.clk, .rst_n, .push(take && last_pixel), .push_data(Group), .pop(give), .pop_data(Sent), .held);

	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [IN_BITS-1:0]  value = s_tdata[p*IN_BITS+:IN_BITS];
		wire [OUT_BITS-1:0]  sum = m_tdata[p*OUT_BITS+:OUT_BITS];
		wire signed [IN_BITS:0]  integer_in = {SIGNED && value[IN_BITS-1], value};
		wire signed [OUT_BITS:0]  integer_out = {SIGNED && sum[OUT_BITS-1], sum};
		logic signed [WIDE-1:0]  Total;
		logic signed [WIDE-1:0]  Expected;
		wire signed [WIDE-1:0]  total = (first_pixel? WIDE'(0) : Total) + WIDE'(integer_in);
		always_ff @(posedge clk) if(take && (Group == Watch)) begin
			Total <= total;
			if(last_pixel)  Expected <= total;
		end
		always_comb if(rst_n && m_tvalid && (Sent == Watch))  exact_sum: assert(WIDE'(integer_out) == Expected);
	end : genLane

	always_comb if(rst_n) begin
		word_in_range: assert(word < WORDS);
		pixel_in_range: assert(pixel < PIXELS);
		position: assert((word == 32'(Group)) && (32'(Beat) == 32'(count_t'(pixel) * count_t'(WORDS)) + word));
		offered: assert(m_tvalid == (held != 0));
		if(!last_pixel || m_tready)  full_rate: assert(s_tready);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		next_frame: cover(give && take && first_pixel);
		stalled: cover(s_tvalid && !s_tready);
	end

endmodule : global_acc_pool_properties

bind global_acc_pool global_acc_pool_properties #(
	.CHANNELS(CHANNELS), .PE(PE), .PIXELS(PIXELS), .IN_BITS(IN_BITS), .SIGNED(SIGNED), .OUT_BITS(OUT_BITS)
)  properties(.word(32'(Word)), .pixel(32'(Pixel)), .*);

`default_nettype wire
