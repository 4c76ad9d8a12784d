// SPDX-License-Identifier: BSD-3-Clause
// Simulation only: a FIFO whose depth is read when simulation starts, so that one build serves every depth tried.
//
// data/fifo_depths.hex holds one hexadecimal depth a FIFO, in order of INDEX. `maxcount` is the fullest it has been
// since reset. Throughput: one word a cycle. Latency: two cycles, like FINN's fifo.sv.
`default_nettype none

module sizing_fifo #(
	parameter int unsigned WIDTH = 8,	// bits of a word
	parameter int unsigned DEPTH = 2,	// the largest depth that can be asked for
	parameter int unsigned INDEX = 0,	// which of the depths is this FIFO's
	parameter int unsigned COUNT = 1 	// how many depths the file holds
)(
	input  wire              clk,
	input  wire              rst_n,

	input  wire [WIDTH-1:0]  s_tdata,
	input  wire              s_tvalid,
	output wire              s_tready,

	output wire [WIDTH-1:0]  m_tdata,
	output wire              m_tvalid,
	input  wire              m_tready,

	output wire [31:0]       maxcount
);
	initial begin
		if(DEPTH < 2)       $error("%m: DEPTH = %0d must be 2 or above.", DEPTH);
		if(INDEX >= COUNT)  $error("%m: INDEX = %0d must be below COUNT = %0d.", INDEX, COUNT);
	end

	logic [31:0]  Depths[COUNT];
	initial  $readmemh("data/fifo_depths.hex", Depths);

	localparam int unsigned  ABITS = $clog2(DEPTH);
	logic [WIDTH-1:0]  Mem[2**ABITS];
	logic [ABITS-1:0]  Wr;
	logic [ABITS-1:0]  Rd;
	logic [31:0]  Stored;	// words in memory
	logic [31:0]  Max;

	logic              Valid;	// output register
	logic [WIDTH-1:0]  Data;
	wire [31:0]  count = Stored + 32'(Valid);
	assign  s_tready = count < Depths[INDEX];
	assign  m_tvalid = Valid;
	assign  m_tdata = Data;
	assign  maxcount = Max;

	wire  push = s_tvalid && s_tready;
	wire  load = (!Valid || m_tready) && (Stored != 0);
	always_ff @(posedge clk) begin
		if(push)  Mem[Wr] <= s_tdata;
		if(load)  Data <= Mem[Rd];
	end
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Wr <= 0;
			Rd <= 0;
			Stored <= 0;
			Max <= 0;
			Valid <= 0;
		end
		else begin
			if(push)  Wr <= Wr + 1'b1;
			if(load)  Rd <= Rd + 1'b1;
			if(load || m_tready)  Valid <= load;
			Stored <= Stored + 32'(push) - 32'(load);
			if(count > Max)  Max <= count;
		end
	end

endmodule : sizing_fifo

`default_nettype wire
