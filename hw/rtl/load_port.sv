// SPDX-License-Identifier: BSD-3-Clause
// The words of one memory out of the core's load stream, in which the words of all its memories come one after the other.
//
// Function    `begins` pulses in the cycle before the memory's first word; from then on DEPTH words of WIDTH bits are
//             taken, each from as many words of the stream as it fills, the lowest bits first; what the last of these
//             has above WIDTH is not looked at. Each goes to its address, from 0 on, once. `ends` is high with the last
//             one, and is the next memory's `begins`.
// Throughput  A word of the stream a cycle, so nobody ever waits for it.
// Latency     None: a word is written in the cycle in which its last part comes.
`default_nettype none

module load_port #(
	parameter int unsigned WIDTH = 8,
	parameter int unsigned DEPTH = 2,
	localparam int unsigned ADDRESS_BITS = DEPTH > 1? $clog2(DEPTH) : 1
)(
	input  wire                      clk,
	input  wire                      rst_n,

	input  wire                      begins,
	output wire                      ends,
	input  wire [31:0]               s_tdata,
	input  wire                      s_tvalid,

	output wire                      write,
	output logic [ADDRESS_BITS-1:0]  address,
	output wire [WIDTH-1:0]          word
);
	initial begin
		if(WIDTH < 1)  $error("%m: WIDTH = %0d must be 1 or above.", WIDTH);
		if(DEPTH < 1)  $error("%m: DEPTH = %0d must be 1 or above.", DEPTH);
	end

	localparam int unsigned  PARTS = (WIDTH + 31) / 32;
	localparam int unsigned  PART_BITS = PARTS > 1? $clog2(PARTS) : 1;
	localparam int unsigned  HELD = 32 * (PARTS - 1);	// bits of the parts before the last

	logic  Active;
	initial  Active = 1'b0;	// from power-on: what the memory holds then is not written over before the first reset
	logic [PART_BITS-1:0]  Part;

	wire  take = Active && s_tvalid;
	assign  write = take && (Part == PART_BITS'(PARTS-1));
	assign  ends = write && (address == ADDRESS_BITS'(DEPTH-1));

	always_ff @(posedge clk) begin
		if(!rst_n)       Active <= 1'b0;
		else if(begins)  Active <= 1'b1;
		else if(ends)    Active <= 1'b0;
	end
	always_ff @(posedge clk) begin
		if(begins) begin
			Part <= '0;
			address <= '0;
		end
		else if(take) begin
			Part <= write? '0 : Part + 1'b1;
			if(write)  address <= address + 1'b1;
		end
	end

	if(PARTS > 1) begin : genParts
		logic [HELD-1:0]  Held;
		wire [HELD+31:0]  parts = {s_tdata, Held};
		always_ff @(posedge clk) begin
			if(take)  Held <= parts[32 +: HELD];
		end
		assign  word = parts[WIDTH-1:0];
	end : genParts
	else begin : genPart
		assign  word = s_tdata[WIDTH-1:0];
	end : genPart
	wire  unused = &{1'b0, s_tdata};	// above WIDTH

endmodule : load_port

`default_nettype wire
