// SPDX-License-Identifier: BSD-3-Clause
// threshold_search: what comes out is the count of the thresholds that were loaded for the value's channel and are not above
// it, in order, and after 2*STAGES + 2 cycles where nobody waits.
`default_nettype none

module threshold_search_properties #(
	parameter int unsigned IN_BITS,
	parameter int unsigned BITS,
	parameter bit          SIGNED,
	parameter int unsigned THRESHOLDS,
	parameter int unsigned LANES,
	parameter int unsigned FOLDS,
	parameter int unsigned OUT_BITS,
	parameter int          BIAS,
	parameter int unsigned STAGES
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire  load_begins,
	input  wire  load_ends,
	input  wire [31:0]  s_load_tdata,
	input  wire         s_load_tvalid,

	input  wire [LANES-1:0][IN_BITS-1:0]   s_tdata,
	input  wire                            s_tvalid,
	input  wire                            s_tready,

	input  wire [LANES-1:0][OUT_BITS-1:0]  m_tdata,
	input  wire                            m_tvalid,
	input  wire                            m_tready,

	// inside the block
	input  wire  write
);
	localparam int unsigned  WORDS = FOLDS * LANES * THRESHOLDS;
	typedef logic [$clog2(WORDS+1)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(LANES*OUT_BITS), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	// The thresholds as they were loaded, and whether all were. They ascend.
	logic [BITS-1:0]  Table[2**$bits(count_t)];
	count_t  Count;
	logic    Begun = 0;	// the layer's turn, since power-on: before it the block may write anything
	logic    Loaded = 0;
	function automatic logic not_above(input logic [BITS-1:0] left, input logic [BITS-1:0] right);
		not_above = SIGNED? !($signed(right) < $signed(left)) : !(right < left);
	endfunction : not_above
	wire count_t  threshold = Count % count_t'(THRESHOLDS);	// in few bits: a divider of 32 takes Yosys long
	wire  first = threshold == 0;
	always_ff @(posedge clk) begin
		if(load_begins) begin
			Begun <= rst_n;
			Count <= 0;
			Loaded <= 0;
		end
		else if(write) begin
			Table[Count] <= s_load_tdata[BITS-1:0];
			Count <= Count + 1'b1;
			if(load_ends)  Loaded <= Begun;
		end
	end
	always_comb begin
		if(write && !first)  ascend: assume(not_above(Table[Count - 1'b1], s_load_tdata[BITS-1:0]));
		if(s_tvalid)  loaded_before: assume(Loaded && !write && !load_begins);
	end

	// What must come out for what goes in.
	logic [31:0]  Fold;
	wire  accept = s_tvalid && s_tready;
	always_ff @(posedge clk) begin
		if(!rst_n)       Fold <= 0;
		else if(accept)  Fold <= Fold == FOLDS - 1? 0 : Fold + 1;
	end
	logic [LANES-1:0][OUT_BITS-1:0]  wanted;
	always_comb begin
		for(int unsigned lane = 0; lane < LANES; lane++) begin
			automatic logic [31:0]  sum = 32'(BIAS);
			automatic logic [BITS-1:0]  value = SIGNED? BITS'($signed(s_tdata[lane])) : BITS'(s_tdata[lane]);
			for(int unsigned i = 0; i < THRESHOLDS; i++)
				sum += 32'(not_above(Table[count_t'((Fold*LANES + lane)*THRESHOLDS + i)], value));
			wanted[lane] = sum[OUT_BITS-1:0];
		end
	end
	wire [2:0]  held;
	in_order #(.WIDTH(LANES*OUT_BITS), .CAPACITY(3))  order(
		.clk, .rst_n, .push(accept), .push_data(wanted), .pop(m_tvalid && m_tready), .pop_data(m_tdata), .held);

	always_comb if(write || load_begins)  nothing_inside: assume(held == 0);

	// A beat that goes in while the block is empty comes out in time.
	logic [4:0]  Since;	// cycles
	always_ff @(posedge clk) begin
		if(!rst_n)  Since <= 0;
		else if(accept && (held == 0))  Since <= 1;
		else if(m_tvalid)  Since <= 0;
		else if(Since != 0)  Since <= Since + 1'b1;
	end

	always_comb if(rst_n) begin
		if(Since != 0)  in_time: assert(m_tvalid == (32'(Since) == 2*STAGES + 2));
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		back_to_back: cover(accept && (held != 0));
		came: cover(m_tvalid && m_tready && (m_tdata != '0));
	end

endmodule : threshold_search_properties

bind threshold_search threshold_search_properties #(
	.IN_BITS(IN_BITS), .BITS(BITS), .SIGNED(SIGNED), .THRESHOLDS(THRESHOLDS), .LANES(LANES), .FOLDS(FOLDS),
	.OUT_BITS(OUT_BITS), .BIAS(BIAS), .STAGES(STAGES)
)  properties(.*);

`default_nettype wire
