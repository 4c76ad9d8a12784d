// SPDX-License-Identifier: BSD-3-Clause
// Absolute value of an AXI4-Stream of signed integers, lane by lane.
//
// Function    m[p] = |s[p]| for PE lanes. The output is unsigned and has as many bits, which hold |-2**(BITS-1)|.
// Throughput  One beat a cycle.
// Latency     One cycle.
`default_nettype none

module absolute_value #(
	parameter int unsigned PE,
	parameter int unsigned BITS
)(
	input  wire                 clk,
	input  wire                 rst_n,

	input  wire [PE*BITS-1:0]   s_tdata,
	input  wire                 s_tvalid,
	output wire                 s_tready,

	output logic [PE*BITS-1:0]  m_tdata,
	output logic                m_tvalid,
	input  wire                 m_tready
);
	initial begin
		if(PE < 1 || BITS < 2)  $error("%m: PE = %0d must be 1 or above, BITS = %0d must be 2 or above.", PE, BITS);
	end

	assign  s_tready = !m_tvalid || m_tready;

	always_ff @(posedge clk) begin
		if(!rst_n)         m_tvalid <= 1'b0;
		else if(s_tready)  m_tvalid <= s_tvalid;
	end

	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [BITS-1:0]  value = s_tdata[p*BITS +: BITS];
		always_ff @(posedge clk) begin
			if(s_tready)  m_tdata[p*BITS +: BITS] <= value[BITS-1]? -value : value;
		end
	end : genLane

endmodule : absolute_value

`default_nettype wire
