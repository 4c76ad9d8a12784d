// SPDX-License-Identifier: BSD-3-Clause
// How many of a channel's thresholds a value reaches, by binary search in one memory a lane: for a stream that leaves
// enough time from beat to beat. It takes as long as FINN's pipelined `thresholding`, which has a memory a stage.
//
// Function    m = BIAS + the number of thresholds of its channel that are not above s; LANES channels a beat, the
//             channels of a value in FOLDS beats. A channel's thresholds ascend. They are written through the load stream
//             (threshold_load) while no value is inside; behind that a reset makes it begin with the first fold.
// Throughput  A beat in 2*STAGES cycles, where 2**STAGES - 1 thresholds are the most there can be.
// Latency     2*STAGES + 2 cycles. Ready depends on the output's combinationally, valid comes from a register.
//
// Threshold i (from 1 on) stands at address i. The search begins in the middle: the bits of the address above the one
// that is looked for are the result so far.
`default_nettype none

module threshold_search #(
	parameter int unsigned IN_BITS = 8,
	parameter int unsigned BITS = 8,	// of a threshold, IN_BITS or above
	parameter bit          SIGNED = 1,
	parameter int unsigned THRESHOLDS = 15,	// of a channel
	parameter int unsigned LANES = 1,
	parameter int unsigned FOLDS = 1,
	parameter int          BIAS = 0,
	parameter              FILE = "",	// content after power-on: "<FILE><lane>.dat", none if empty
	parameter              RAM_STYLE = "distributed",	// "block" or "distributed"
	localparam int unsigned STAGES = $clog2(THRESHOLDS+1),
	localparam int unsigned OUT_BITS = BIAS >= 0? $clog2(THRESHOLDS+BIAS+1) :
		1 + $clog2(-BIAS >= THRESHOLDS+BIAS+1? -BIAS : THRESHOLDS+BIAS+1)
)(
	input  wire                              clk,
	input  wire                              rst_n,

	input  wire                              load_begins,
	output wire                              load_ends,
	input  wire [31:0]                       s_load_tdata,
	input  wire                              s_load_tvalid,

	input  wire [LANES-1:0][IN_BITS-1:0]     s_tdata,
	input  wire                              s_tvalid,
	output wire                              s_tready,

	output logic [LANES-1:0][OUT_BITS-1:0]   m_tdata,
	output logic                             m_tvalid,
	input  wire                              m_tready
);
	localparam int unsigned  FOLD_BITS = FOLDS > 1? $clog2(FOLDS) : 1;
	localparam int unsigned  DEPTH = FOLDS << STAGES;
	localparam int unsigned  ADDRESS_BITS = $clog2(DEPTH);
	typedef logic [STAGES-1:0]  place_t;

	initial begin
		if(BITS < IN_BITS || BITS > 32)
			$error("%m: BITS = %0d must be IN_BITS = %0d to 32.", BITS, IN_BITS);
		if(THRESHOLDS < 1 || LANES < 1 || FOLDS < 1)
			$error("%m: THRESHOLDS = %0d, LANES = %0d and FOLDS = %0d must be 1 or above.", THRESHOLDS, LANES, FOLDS);
		if(88'(RAM_STYLE) != 88'("block") && 88'(RAM_STYLE) != 88'("distributed"))
			$error("%m: RAM_STYLE = %s must be block or distributed.", RAM_STYLE);
	end

	wire  write;
	wire place_t  write_index;
	wire [LANES-1:0]  write_lane;
	wire [FOLD_BITS-1:0]  write_fold;
	threshold_load #(.THRESHOLDS(THRESHOLDS), .LANES(LANES), .FOLDS(FOLDS)) loader (
		.clk, .rst_n, .begins(load_begins), .ends(load_ends), .s_tvalid(s_load_tvalid),
		.write, .index(write_index), .lane(write_lane), .fold(write_fold)
	);

	//-----------------------------------------------------------------------
	// One beat at a time: a cycle to read, a cycle to compare, for each bit of the result.
	logic  Busy;
	logic  Compare;	// the thresholds are there
	place_t  Bit;	// the one that is looked for, from the highest on
	logic [FOLD_BITS-1:0]  Fold;
	logic  ResultValid;

	wire  shift = !m_tvalid || m_tready;
	wire  finish = Busy && Compare && Bit[0] && (!ResultValid || shift);
	wire  step = Busy && Compare && !Bit[0];
	wire  accept = s_tvalid && s_tready;
	assign  s_tready = !Busy || finish;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Busy <= 1'b0;
			ResultValid <= 1'b0;
			m_tvalid <= 1'b0;
			Fold <= '0;
		end
		else begin
			if(accept)       Busy <= 1'b1;
			else if(finish)  Busy <= 1'b0;
			if(finish)       ResultValid <= 1'b1;
			else if(shift)   ResultValid <= 1'b0;
			if(shift)        m_tvalid <= ResultValid;
			if(finish)       Fold <= Fold == FOLD_BITS'(FOLDS-1)? '0 : Fold + 1'b1;
		end
	end
	always_ff @(posedge clk) begin
		if(accept) begin
			Compare <= 1'b0;
			Bit <= place_t'(1) << (STAGES-1);
		end
		else if(!Compare)  Compare <= 1'b1;
		else if(step) begin
			Compare <= 1'b0;
			Bit <= Bit >> 1;
		end
	end

	for(genvar  i = 0; i < LANES; i++) begin : genLane
		logic [IN_BITS-1:0]  Value;
		logic [BITS-1:0]     Threshold;
		place_t  Place;	// of the threshold that the value is compared with
		place_t  Result;

		wire [BITS-1:0]  value = SIGNED? BITS'($signed(Value)) : BITS'(Value);
		wire  reached = SIGNED? $signed(Threshold) <= $signed(value) : Threshold <= value;
		wire  exists = 32'(Place) <= THRESHOLDS;
		wire place_t  found = reached && exists? Place : Place & ~Bit;

		always_ff @(posedge clk) begin
			if(accept) begin
				Value <= s_tdata[i];
				Place <= place_t'(1) << (STAGES-1);
			end
			else if(step)  Place <= found | (Bit >> 1);
			if(finish)  Result <= found;
			if(shift)   m_tdata[i] <= OUT_BITS'(signed'({1'b0, Result}) + BIAS);
		end

		(* ram_style = RAM_STYLE *)
		logic [BITS-1:0]  Memory[DEPTH];
		if(FILE != "") begin : genContent
			initial  $readmemh($sformatf("%s%0d.dat", FILE, i), Memory);
		end : genContent
		wire [ADDRESS_BITS-1:0]  at = ADDRESS_BITS'(write? {write_fold, write_index} : {Fold, Place});
		always_ff @(posedge clk) begin
			if(write && write_lane[i])  Memory[at] <= s_load_tdata[BITS-1:0];
			if(!Compare)  Threshold <= Memory[at];
		end
	end : genLane
	wire  unused = &{1'b0, s_load_tdata};	// above BITS

endmodule : threshold_search

`default_nettype wire
