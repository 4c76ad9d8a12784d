// SPDX-License-Identifier: BSD-3-Clause
// A small FIFO in LUTs: words come out in the order they went in.
//
// Throughput: one word a cycle. Latency: one cycle. Ready, valid and level come from registers alone; the output data
// is read from memory asynchronously, so the first word is there with its valid.
`default_nettype none

module lutram_fifo #(
	parameter int unsigned WIDTH = 8,	// bits of a word
	parameter int unsigned DEPTH = 16	// words, a power of two
)(
	input  wire                    clk,
	input  wire                    rst_n,

	input  wire [WIDTH-1:0]        in_data,
	input  wire                    in_valid,
	output wire                    in_ready,

	output wire [WIDTH-1:0]        out_data,
	output wire                    out_valid,
	input  wire                    out_ready,

	output wire [$clog2(DEPTH):0]  level	// words held
);
	initial begin
		if(WIDTH < 1)  $error("%m: WIDTH = %0d must be 1 or above.", WIDTH);
		if((DEPTH < 2) || (DEPTH & (DEPTH-1)) != 0)  $error("%m: DEPTH = %0d must be a power of two, 2 or above.", DEPTH);
	end

	localparam int unsigned  ABITS = $clog2(DEPTH);

	(* ram_style = "distributed" *)
	logic [WIDTH-1:0]  Mem[DEPTH];
	logic [ABITS:0]  Wr;	// one bit more than an address, to tell full from empty
	logic [ABITS:0]  Rd;

	assign  level = Wr - Rd;
	assign  in_ready = !level[ABITS];
	assign  out_valid = level != '0;
	assign  out_data = Mem[Rd[ABITS-1:0]];

	wire  push = in_valid && in_ready;
	always_ff @(posedge clk) begin
		if(push)  Mem[Wr[ABITS-1:0]] <= in_data;
	end
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Wr <= '0;
			Rd <= '0;
		end
		else begin
			if(push)                    Wr <= Wr + 1'b1;
			if(out_valid && out_ready)  Rd <= Rd + 1'b1;
		end
	end

endmodule : lutram_fifo

`default_nettype wire
