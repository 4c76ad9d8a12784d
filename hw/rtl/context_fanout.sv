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
	input  wire                       rst,

	input  wire [WIDTH-1:0]           idat,
	input  wire                       ivld,
	output wire                       irdy,

	output wire [N-1:0][WIDTH-1:0]    odat,
	output wire [N-1:0]               ovld,
	input  wire [N-1:0]               ordy
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
	assign  irdy = ~|full;
	always_ff @(posedge clk) begin
		if(ivld && irdy)  Mem[Wr[ABITS-1:0]] <= idat;
	end
	always_ff @(posedge clk) begin
		if(rst)                Wr <= 0;
		else if(ivld && irdy)  Wr <= Wr + 1'b1;
	end

	for(genvar  i = 0; i < N; i++) begin : genReader
		ptr_t  Rd;
		wire ptr_t  fill = Wr - Rd;
		assign  full[i] = fill == ptr_t'(DEPTH);
		assign  ovld[i] = fill != 0;
		assign  odat[i] = Mem[Rd[ABITS-1:0]];
		always_ff @(posedge clk) begin
			if(rst)                      Rd <= 0;
			else if(ovld[i] && ordy[i])  Rd <= Rd + 1'b1;
		end
	end : genReader

endmodule : context_fanout

`default_nettype wire
