// SPDX-License-Identifier: BSD-3-Clause
// Stream fork: every input beat goes to every output once (AXI4-Stream).
//
// Function    Eager fork: an output takes its copy as soon as it is ready, without waiting for the others; the input
//             beat is consumed when the last output has taken it. Output k is bit k of m_tvalid and m_tready, and
//             slice k of m_tdata.
// Throughput  One beat a cycle.
// Latency     None (combinational from input to output).
`default_nettype none

module stream_fork #(
	parameter int unsigned WIDTH,
	parameter int unsigned OUTPUTS	// 2 or more
)(
	input  wire                      clk,
	input  wire                      rst_n,

	input  wire [WIDTH-1:0]          s_tdata,
	input  wire                      s_tvalid,
	output wire                      s_tready,

	output wire [OUTPUTS*WIDTH-1:0]  m_tdata,
	output wire [OUTPUTS-1:0]        m_tvalid,
	input  wire [OUTPUTS-1:0]        m_tready
);
	initial begin
		if(WIDTH < 1 || OUTPUTS < 2)
			$error("%m: WIDTH = %0d must be 1 or above, OUTPUTS = %0d must be 2 or above.", WIDTH, OUTPUTS);
	end

	logic [OUTPUTS-1:0]  Served;	// outputs that already have the beat that waits at the input

	wire [OUTPUTS-1:0]  satisfied = Served | m_tready;
	assign  s_tready = &satisfied;
	assign  m_tvalid = {OUTPUTS{s_tvalid}} & ~Served;
	assign  m_tdata = {OUTPUTS{s_tdata}};

	always_ff @(posedge clk) begin
		if(!rst_n)         Served <= '0;
		else if(s_tvalid)  Served <= s_tready? '0 : satisfied;
	end

endmodule : stream_fork

`default_nettype wire
