// SPDX-License-Identifier: BSD-3-Clause
// The address channel of a burst: offered until taken, no longer than allowed, inside its 4 KB and inside the window.
`default_nettype none

module axi_burst_rules #(
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned MAX_BURST_BEATS
)(
	input  wire                   clk,
	input  wire                   rst_n,
	input  wire [ADDR_WIDTH-1:0]  base,
	input  wire [ADDR_WIDTH-1:0]  limit,
	input  wire [ADDR_WIDTH-1:0]  address,
	input  wire [7:0]             length,	// beats of 8 bytes less one, as on the bus
	input  wire                   valid,
	input  wire                   ready,
	input  wire                   stop
);
	axi_stream_rules #(.WIDTH(ADDR_WIDTH + 8), .ASSUME(0))  channel(
		.clk, .rst_n, .data({address, length}), .valid, .ready);

	logic  Silent = 0;	// stopped, and nothing was on offer: then nothing new may be
	always_ff @(posedge clk)  Silent <= rst_n && stop && (!valid || ready);

	wire [31:0]  beats = 32'(length) + 1;
	wire [63:0]  first = 64'(address);
	wire [63:0]  behind = first + 8*64'(beats);
	always_comb if(rst_n && valid) begin
		not_too_long: assert(beats <= MAX_BURST_BEATS);
		within_its_block: assert((first / 8) % MAX_BURST_BEATS + 64'(beats) <= MAX_BURST_BEATS);
		whole_words: assert(address % 8 == 0);
		within_4_kb: assert((first >> 12) == ((behind - 1) >> 12));
		above_base: assert(first >= 64'(base));
		below_limit: assert(behind <= 64'(limit));
		longest: cover(beats == MAX_BURST_BEATS);
		at_the_limit: cover(behind == 64'(limit));
		at_the_base: cover(address == base);
	end
	always_comb if(rst_n && Silent)  silent_after_stop: assert(!valid);

endmodule : axi_burst_rules

`default_nettype wire
