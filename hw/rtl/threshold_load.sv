// SPDX-License-Identifier: BSD-3-Clause
// The thresholds of one layer out of the core's load stream: like load_port, but a threshold has a place of three numbers.
//
// Function    `begins` pulses in the cycle before the layer's first threshold; one word of the stream is one threshold.
//             The THRESHOLDS of a channel come one after the other, channel by channel; channel c belongs to lane c modulo
//             LANES, in fold c / LANES. `ends` is high with the last one, and is the next memory's `begins`.
// Throughput  A threshold a cycle, so nobody ever waits for it. Latency: none.
`default_nettype none

module threshold_load #(
	parameter int unsigned THRESHOLDS = 15,	// of a channel
	parameter int unsigned LANES = 1,
	parameter int unsigned FOLDS = 1,
	localparam int unsigned INDEX_BITS = $clog2(THRESHOLDS+1),
	localparam int unsigned FOLD_BITS = FOLDS > 1? $clog2(FOLDS) : 1
)(
	input  wire                    clk,
	input  wire                    rst_n,

	input  wire                    begins,
	output wire                    ends,
	input  wire                    s_tvalid,

	output wire                    write,
	output logic [INDEX_BITS-1:0]  index,	// 1 to THRESHOLDS
	output logic [LANES-1:0]       lane,	// one of them
	output logic [FOLD_BITS-1:0]   fold
);
	initial begin
		if(THRESHOLDS < 1 || LANES < 1 || FOLDS < 1)
			$error("%m: THRESHOLDS = %0d, LANES = %0d and FOLDS = %0d must be 1 or above.", THRESHOLDS, LANES, FOLDS);
	end

	logic  Active;
	initial  Active = 1'b0;	// from power-on: what the memory holds then is not written over before the first reset
	wire  last_index = index == INDEX_BITS'(THRESHOLDS);
	wire  last_lane = lane[LANES-1];
	assign  write = Active && s_tvalid;
	assign  ends = write && last_index && last_lane && (fold == FOLD_BITS'(FOLDS-1));

	always_ff @(posedge clk) begin
		if(!rst_n)       Active <= 1'b0;
		else if(begins)  Active <= 1'b1;
		else if(ends)    Active <= 1'b0;
	end
	always_ff @(posedge clk) begin
		if(begins) begin
			index <= INDEX_BITS'(1);
			lane <= LANES'(1);
			fold <= '0;
		end
		else if(write) begin
			index <= last_index? INDEX_BITS'(1) : index + 1'b1;
			if(last_index)  lane <= last_lane? LANES'(1) : lane << 1;
			if(last_index && last_lane)  fold <= fold + 1'b1;
		end
	end

endmodule : threshold_load

`default_nettype wire
