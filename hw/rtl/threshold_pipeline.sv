// SPDX-License-Identifier: BSD-3-Clause
// FINN's pipelined `thresholding`, its thresholds written through the load stream (threshold_load): for a stream in which
// a beat may follow another at once. For one that leaves more time there is threshold_search.
//
// Function    m = BIAS + the number of thresholds of its channel that are not above s; LANES channels a beat, the
//             channels of a value in FOLDS beats. A channel's thresholds ascend. While one is written no value is taken;
//             the last one is in its memory 2*STAGES cycles later. Behind that a reset makes it begin with the first fold.
// Throughput  A beat a cycle.
// Latency     2*STAGES + 2 cycles, where 2**STAGES - 1 thresholds are the most there can be.
`default_nettype none

module threshold_pipeline #(
	parameter int unsigned IN_BITS = 8,
	parameter int unsigned BITS = 8,	// of a threshold, IN_BITS or above
	parameter bit          SIGNED = 1,
	parameter int unsigned THRESHOLDS = 15,	// of a channel, 2 or above
	parameter int unsigned LANES = 1,
	parameter int unsigned FOLDS = 1,
	parameter int          BIAS = 0,
	parameter              FILE = "",	// content after power-on: "<FILE>threshs_<lane>_<stage>.dat", none if empty
	parameter int unsigned BLOCK_DEPTH = 0,	// memories as deep as this, or deeper, are block RAM
	localparam int unsigned OUT_BITS = BIAS >= 0? $clog2(THRESHOLDS+BIAS+1) :
		1 + $clog2(-BIAS >= THRESHOLDS+BIAS+1? -BIAS : THRESHOLDS+BIAS+1)
)(
	input  wire                             clk,
	input  wire                             rst_n,

	input  wire                             load_begins,
	output wire                             load_ends,
	input  wire [31:0]                      s_load_tdata,
	input  wire                             s_load_tvalid,

	input  wire [LANES-1:0][IN_BITS-1:0]    s_tdata,
	input  wire                             s_tvalid,
	output wire                             s_tready,

	output wire [LANES-1:0][OUT_BITS-1:0]   m_tdata,
	output wire                             m_tvalid,
	input  wire                             m_tready
);
	localparam int unsigned  FOLD_BITS = FOLDS > 1? $clog2(FOLDS) : 1;
	localparam int unsigned  INDEX_BITS = $clog2(THRESHOLDS+1);
	localparam int unsigned  PLACE_BITS = $clog2(THRESHOLDS);
	localparam int unsigned  ADDRESS_BITS = $clog2(FOLDS) + $clog2(LANES) + PLACE_BITS;

	initial begin
		if(BITS < IN_BITS || BITS > 32)
			$error("%m: BITS = %0d must be IN_BITS = %0d to 32.", BITS, IN_BITS);
		if(THRESHOLDS < 2 || LANES < 1 || FOLDS < 1)
			$error("%m: THRESHOLDS = %0d must be 2 or above, LANES = %0d and FOLDS = %0d 1.", THRESHOLDS, LANES, FOLDS);
	end

	wire  write;
	wire [INDEX_BITS-1:0]  write_index;
	wire [LANES-1:0]  write_lane;
	wire [FOLD_BITS-1:0]  write_fold;
	threshold_load #(.THRESHOLDS(THRESHOLDS), .LANES(LANES), .FOLDS(FOLDS)) loader (
		.clk, .rst_n, .begins(load_begins), .ends(load_ends), .s_tvalid(s_load_tvalid),
		.write, .index(write_index), .lane(write_lane), .fold(write_fold)
	);

	logic [31:0]  number;	// of the lane
	always_comb begin
		number = '0;
		for(int unsigned i = 0; i < LANES; i++)  number |= write_lane[i]? i : 0;
	end
	wire [31:0]  address = ((32'(write_fold) << $clog2(LANES) | number) << PLACE_BITS) + 32'(write_index) - 1;

	wire [LANES-1:0][BITS-1:0]  values;
	for(genvar  i = 0; i < LANES; i++) begin : genLane
		assign  values[i] = SIGNED? BITS'($signed(s_tdata[i])) : BITS'(s_tdata[i]);
	end : genLane

	thresholding #(
		.K(BITS), .N(THRESHOLDS), .C(FOLDS*LANES), .PE(LANES), .SIGNED(SIGNED), .BIAS(BIAS),
		.THRESHOLDS_PATH(FILE), .USE_CONFIG(1), .DEPTH_TRIGGER_BRAM(BLOCK_DEPTH), .DEEP_PIPELINE(1)
	) pipeline (
		.clk, .rst(!rst_n),
		.cfg_en(write), .cfg_we(1'b1), .cfg_a(address[ADDRESS_BITS-1:0]), .cfg_d(s_load_tdata[BITS-1:0]),
		/* verilator lint_off PINCONNECTEMPTY */	// nothing is read back
		.cfg_rack(), .cfg_q(),
		/* verilator lint_on PINCONNECTEMPTY */
		.irdy(s_tready), .ivld(s_tvalid), .iset('0), .idat(values),
		.ordy(m_tready), .ovld(m_tvalid), .odat(m_tdata)
	);
	wire  unused = &{1'b0, address, s_load_tdata};

endmodule : threshold_pipeline

`default_nettype wire
