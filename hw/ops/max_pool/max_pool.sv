// SPDX-License-Identifier: BSD-3-Clause
// Max pool behind a depthwise window generator (AXI4-Stream, PE channels a beat).
//
// Function    Each output beat is the lane-wise maximum of KERNEL input beats in a row: the generator sends, for one
//             output pixel and one group of PE channels, all KERNEL positions of the window before the next group.
// Throughput  One input beat a cycle, hence one output beat every KERNEL cycles.
// Latency     One cycle from a window's last beat to its maximum.
`default_nettype none

module max_pool #(
	parameter int unsigned PE,
	parameter int unsigned KERNEL,	// window positions: kernel height x width
	parameter int unsigned BITS,
	parameter bit          SIGNED
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
	localparam int unsigned  POSITION_BITS = KERNEL > 1? $clog2(KERNEL) : 1;

	initial begin
		if(PE < 1 || KERNEL < 1 || BITS < 1)
			$error("%m: PE = %0d, KERNEL = %0d and BITS = %0d must be 1 or above.", PE, KERNEL, BITS);
	end

	logic [POSITION_BITS-1:0]  Position;

	wire  first = Position == '0;
	wire  last = Position == POSITION_BITS'(KERNEL-1);

	wire  take = s_tvalid && s_tready;
	assign  s_tready = !last || !m_tvalid || m_tready;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			m_tvalid <= 1'b0;
			Position <= '0;
		end
		else begin
			if(take && last)   m_tvalid <= 1'b1;
			else if(m_tready)  m_tvalid <= 1'b0;
			if(take)  Position <= last? '0 : Position + 1'b1;
		end
	end

	logic [PE*BITS-1:0]  Best;
	wire [PE*BITS-1:0]   next;
	for(genvar  p = 0; p < PE; p++) begin : genLane
		wire [BITS-1:0]  value = s_tdata[p*BITS +: BITS];
		wire [BITS-1:0]  held = Best[p*BITS +: BITS];
		// Flipping the sign bits orders two's complement numbers like unsigned ones.
		wire [BITS-1:0]  flip = BITS'(SIGNED) << (BITS-1);
		wire  greater = (value ^ flip) > (held ^ flip);
		assign  next[p*BITS +: BITS] = first || greater? value : held;
	end : genLane

	always_ff @(posedge clk) begin
		if(take) begin
			Best <= next;
			if(last)  m_tdata <= next;
		end
	end

endmodule : max_pool

`default_nettype wire
