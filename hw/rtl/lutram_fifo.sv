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

	input  wire [WIDTH-1:0]        s_tdata,
	input  wire                    s_tvalid,
	output wire                    s_tready,

	output wire [WIDTH-1:0]        m_tdata,
	output wire                    m_tvalid,
	input  wire                    m_tready,

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
	assign  s_tready = !level[ABITS];
	assign  m_tvalid = level != '0;
	assign  m_tdata = Mem[Rd[ABITS-1:0]];

	wire  push = s_tvalid && s_tready;
	always_ff @(posedge clk) begin
		if(push)  Mem[Wr[ABITS-1:0]] <= s_tdata;
	end
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Wr <= '0;
			Rd <= '0;
		end
		else begin
			if(push)                  Wr <= Wr + 1'b1;
			if(m_tvalid && m_tready)  Rd <= Rd + 1'b1;
		end
	end

endmodule : lutram_fifo

`default_nettype wire
