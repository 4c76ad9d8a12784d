// SPDX-License-Identifier: BSD-3-Clause
// The mean of a box: its sum divided by its area, exactly, for every sum and every area.
//
// Function    Long division in base 2, one bit of the quotient a stage: no reciprocal, so nothing to be rounded. The
//             sum must be less than 256 times the area; with half the area added to a sum of bytes beforehand, which
//             keeps it so, the quotient is the mean rounded half up.
// Throughput  One a cycle. All stages move together, whenever the last one is empty or taken.
// Latency     Eight cycles.
`default_nettype none

module box_divide #(
	parameter int unsigned AREA_BITS = 11	// bits of an area
)(
	input  wire                    clk,
	input  wire                    rst_n,

	input  wire [AREA_BITS+7:0]    s_tdata,	// the sum
	input  wire [AREA_BITS-1:0]    s_area,
	input  wire                    s_tvalid,
	output wire                    s_tready,

	output wire [7:0]              m_tdata,
	output wire                    m_tvalid,
	input  wire                    m_tready
);
	localparam int unsigned  STAGES = 8;

	initial begin
		if(AREA_BITS < 1)  $error("%m: AREA_BITS = %0d must be 1 or above.", AREA_BITS);
	end

	// Before a stage, and behind the last one: the remainder, below the area; the sum's low bits that were not looked
	// at, and behind them the quotient's bits that are known.
	wire [STAGES:0][AREA_BITS-1:0]  remainder;
	wire [STAGES:0][AREA_BITS-1:0]  area;
	wire [STAGES:0][7:0]            rest;
	wire [STAGES:0]                 valid;

	assign  s_tready = !m_tvalid || m_tready;
	assign  remainder[0] = s_tdata[AREA_BITS+7:8];
	assign  rest[0] = s_tdata[7:0];
	assign  area[0] = s_area;
	assign  valid[0] = s_tvalid;
	assign  m_tdata = rest[STAGES];
	assign  m_tvalid = valid[STAGES];

	for(genvar i = 0; i < STAGES; i++) begin : genStage
		wire [AREA_BITS:0]  longer = {remainder[i], rest[i][7]};
		wire [AREA_BITS:0]  less = longer - {1'b0, area[i]};
		wire  goes = longer >= {1'b0, area[i]};

		logic [AREA_BITS-1:0]  Remainder;
		logic [AREA_BITS-1:0]  Area;
		logic [7:0]            Rest;
		logic                  Valid;
		always_ff @(posedge clk) begin
			if(!rst_n)         Valid <= 1'b0;
			else if(s_tready)  Valid <= valid[i];
		end
		always_ff @(posedge clk) begin
			if(s_tready) begin
				Remainder <= goes? less[AREA_BITS-1:0] : longer[AREA_BITS-1:0];
				Area <= area[i];
				Rest <= {rest[i][6:0], goes};
			end
		end
		assign  remainder[i+1] = Remainder;
		assign  area[i+1] = Area;
		assign  rest[i+1] = Rest;
		assign  valid[i+1] = Valid;
		wire  unused = &{1'b0, less[AREA_BITS]};	// the difference is below the area where it counts
	end : genStage
	wire  unused = &{1'b0, remainder[STAGES], area[STAGES]};

endmodule : box_divide

`default_nettype wire
