// SPDX-License-Identifier: BSD-3-Clause
// Hands each frame's context word to every temporal shift, each at its own pace.
//
// One buffer of DEPTH words with one write pointer and N read pointers: the input stalls only when the slowest reader
// is DEPTH frames behind, which is more frames than the pipeline ever holds.
//
// Throughput: one word a cycle. Latency: one cycle. Ready and valid come from registers alone.
`default_nettype none

module context_fanout #(
	parameter int unsigned N,	// readers
	parameter int unsigned WIDTH,	// bits of a context word
	parameter int unsigned DEPTH	// words, a power of two
)(
	input  wire                       clk,
	input  wire                       rst_n,

	input  wire [WIDTH-1:0]           s_tdata,
	input  wire                       s_tvalid,
	output wire                       s_tready,

	output wire [N-1:0][WIDTH-1:0]    m_tdata,
	output wire [N-1:0]               m_tvalid,
	input  wire [N-1:0]               m_tready
);
	initial begin
		if(N < 1)  $error("%m: N = %0d must be 1 or above.", N);
		if((DEPTH < 2) || (DEPTH & (DEPTH-1)) != 0)  $error("%m: DEPTH = %0d must be a power of two.", DEPTH);
	end

	localparam int unsigned  ABITS = $clog2(DEPTH);
	typedef logic [ABITS:0]  ptr_t;	// one bit more than an address, to tell full from empty

	(* ram_style = "distributed" *)
	logic [WIDTH-1:0]  Mem[DEPTH];
	ptr_t  Wr;

	wire [N-1:0]  full;
	assign  s_tready = ~|full;
	always_ff @(posedge clk) begin
		if(s_tvalid && s_tready)  Mem[Wr[ABITS-1:0]] <= s_tdata;
	end
	always_ff @(posedge clk) begin
		if(!rst_n)                     Wr <= 0;
		else if(s_tvalid && s_tready)  Wr <= Wr + 1'b1;
	end

	for(genvar  i = 0; i < N; i++) begin : genReader
		ptr_t  Rd;
		wire ptr_t  fill = Wr - Rd;
		assign  full[i] = fill == ptr_t'(DEPTH);
		assign  m_tvalid[i] = fill != 0;
		assign  m_tdata[i] = Mem[Rd[ABITS-1:0]];
		always_ff @(posedge clk) begin
			if(!rst_n)                           Rd <= 0;
			else if(m_tvalid[i] && m_tready[i])  Rd <= Rd + 1'b1;
		end
	end : genReader

endmodule : context_fanout

`default_nettype wire
