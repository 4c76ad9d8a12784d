// SPDX-License-Identifier: BSD-3-Clause
// threshold_load: every place of the layer is written once between `begins` and `ends`, in order, and none at any other
// time; one lane at a time.
`default_nettype none

module threshold_load_properties #(
	parameter int unsigned THRESHOLDS,
	parameter int unsigned LANES,
	parameter int unsigned FOLDS,
	localparam int unsigned INDEX_BITS = $clog2(THRESHOLDS+1),
	localparam int unsigned FOLD_BITS = FOLDS > 1? $clog2(FOLDS) : 1
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire                   begins,
	input  wire                   ends,
	input  wire                   s_tvalid,

	input  wire                   write,
	input  wire [INDEX_BITS-1:0]  index,
	input  wire [LANES-1:0]       lane,
	input  wire [FOLD_BITS-1:0]   fold,

	// inside the block
	input  wire  active
);
	localparam int unsigned  WORDS = THRESHOLDS * LANES * FOLDS;
	typedef logic [$clog2(WORDS+1)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	logic    Mine;	// between `begins` and `ends`
	count_t  Count;	// thresholds taken
	wire  take = Mine && s_tvalid;
	// In few bits: a divider of 32 takes Yosys a quarter of a minute.
	wire count_t  threshold = Count % count_t'(THRESHOLDS);
	wire count_t  channel = Count / count_t'(THRESHOLDS);
	wire count_t  wanted_lane = channel % count_t'(LANES);
	wire count_t  wanted_fold = channel / count_t'(LANES);
	always_ff @(posedge clk) begin
		if(!rst_n)  Mine <= 0;
		else if(begins) begin
			Mine <= 1;
			Count <= 0;
		end
		else if(take) begin
			Mine <= 32'(Count) != WORDS - 1;
			Count <= Count + 1'b1;
		end
	end

	// Before the first load memories keep what they have after power-on, in reset and before it.
	logic  Begun = 0;
	always_ff @(posedge clk)  Begun <= Begun || begins;
	always_comb if(!Begun)  untouched: assert(!write);

	always_comb if(rst_n) begin
		known: assert(active == Mine);
		if(Mine) begin
			in_range: assert(32'(Count) < WORDS);
			right_index: assert(32'(index) == 32'(threshold) + 1);
			right_lane: assert(lane == LANES'(1) << wanted_lane);
			right_fold: assert(32'(fold) == 32'(wanted_fold));
		end
		written_when_it_comes: assert(write == take);
		ends_with_the_last: assert(ends == (take && (32'(Count) == WORDS - 1)));
		if(was_reset)  reset_stops: assert(!write);
		again: cover(begins && Mine && ((WORDS == 1) || (Count != 0)));
		done: cover(ends && !was_reset);
	end

endmodule : threshold_load_properties

bind threshold_load threshold_load_properties #(.THRESHOLDS(THRESHOLDS), .LANES(LANES), .FOLDS(FOLDS))  properties(
	.active(Active), .*
);

`default_nettype wire
