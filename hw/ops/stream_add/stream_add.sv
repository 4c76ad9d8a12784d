// SPDX-License-Identifier: BSD-3-Clause
// Stream add: sum of two AXI4-Streams of integers, lane by lane.
//
// Function    m[p] = lhs[p] + rhs[p] for PE lanes. Each side has its own width and sign; OUT_BITS holds every sum.
//             A beat is consumed from both sides at once, when both are there.
// Throughput  One beat a cycle.
// Latency     One cycle.
`default_nettype none

module stream_add #(
	parameter int unsigned PE,
	parameter int unsigned LHS_BITS,
	parameter bit          LHS_SIGNED,
	parameter int unsigned RHS_BITS,
	parameter bit          RHS_SIGNED,
	parameter int unsigned OUT_BITS	// more than LHS_BITS and RHS_BITS
)(
	input  wire                     clk,
	input  wire                     rst_n,

	input  wire [PE*LHS_BITS-1:0]   s_lhs_tdata,
	input  wire                     s_lhs_tvalid,
	output wire                     s_lhs_tready,

	input  wire [PE*RHS_BITS-1:0]   s_rhs_tdata,
	input  wire                     s_rhs_tvalid,
	output wire                     s_rhs_tready,

	output logic [PE*OUT_BITS-1:0]  m_tdata,
	output logic                    m_tvalid,
	input  wire                     m_tready
);
	initial begin
		if(PE < 1 || LHS_BITS < 1 || RHS_BITS < 1)
			$error("%m: PE = %0d, LHS_BITS = %0d and RHS_BITS = %0d must be 1 or above.", PE, LHS_BITS, RHS_BITS);
		if(OUT_BITS <= LHS_BITS || OUT_BITS <= RHS_BITS)
			$error("%m: OUT_BITS = %0d must be above LHS_BITS = %0d and RHS_BITS = %0d.", OUT_BITS, LHS_BITS, RHS_BITS);
	end

	wire  advance = !m_tvalid || m_tready;
	wire  take = advance && s_lhs_tvalid && s_rhs_tvalid;
	assign  s_lhs_tready = advance && s_rhs_tvalid;
	assign  s_rhs_tready = advance && s_lhs_tvalid;

	always_ff @(posedge clk) begin
		if(!rst_n)        m_tvalid <= 1'b0;
		else if(advance)  m_tvalid <= take;
	end

	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [LHS_BITS-1:0]  lhs = s_lhs_tdata[p*LHS_BITS +: LHS_BITS];
		wire [RHS_BITS-1:0]  rhs = s_rhs_tdata[p*RHS_BITS +: RHS_BITS];
		wire [OUT_BITS-1:0]  lhs_extended = {{(OUT_BITS-LHS_BITS){LHS_SIGNED && lhs[LHS_BITS-1]}}, lhs};
		wire [OUT_BITS-1:0]  rhs_extended = {{(OUT_BITS-RHS_BITS){RHS_SIGNED && rhs[RHS_BITS-1]}}, rhs};
		always_ff @(posedge clk) begin
			if(take)  m_tdata[p*OUT_BITS +: OUT_BITS] <= lhs_extended + rhs_extended;
		end
	end : genLane

endmodule : stream_add

`default_nettype wire
