// SPDX-License-Identifier: BSD-3-Clause
// frame_pacer: beats pass as they are; frames start INTERVAL cycles apart, the first one as long after
// reset, not sooner, and are held no longer.
`default_nettype none

module frame_pacer_properties #(
	parameter int unsigned WIDTH,
	parameter int unsigned BEATS,
	parameter int unsigned INTERVAL
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [WIDTH-1:0]  s_tdata,
	input  wire              s_tvalid,
	input  wire              s_tready,

	input  wire [WIDTH-1:0]  m_tdata,
	input  wire              m_tvalid,
	input  wire              m_tready,

	// inside the block
	input  wire [31:0]  beat,
	input  wire [31:0]  waiting
);
	typedef logic [$clog2(BEATS+1)-1:0]     beat_t;
	typedef logic [$clog2(INTERVAL+1)-1:0]  cycles_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(1))  source(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	wire  take = m_tvalid && m_tready;
	beat_t    Beat;	// of the frame that passes
	cycles_t  Since;	// cycles since the frame's first beat, or since reset; stays at INTERVAL
	wire  first = Beat == 0;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Beat <= 0;
			Since <= 1;
		end
		else begin
			if(take)  Beat <= Beat == beat_t'(BEATS-1)? '0 : Beat + 1'b1;
			if(take && first)  Since <= 1;
			else if(Since != cycles_t'(INTERVAL))  Since <= Since + 1'b1;
		end
	end

	wire  open = !first || (Since == cycles_t'(INTERVAL));
	always_comb if(rst_n) begin
		beat_in_range: assert((beat < BEATS) && (beat == 32'(Beat)));
		wait_in_range: assert(waiting < INTERVAL);
		wait_is_the_rest: assert(waiting == INTERVAL - 32'(Since));
		if(take && first)  not_sooner: assert(Since == cycles_t'(INTERVAL));
		not_longer: assert((m_tvalid == (s_tvalid && open)) && (s_tready == (m_tready && open)));
		not_lost: assert((s_tvalid && s_tready) == take);
		if(m_tvalid)  same_data: assert(m_tdata == s_tdata);
		if(was_reset)  reset_waits: assert(open == (INTERVAL == 1));
		last_beat: cover(take && (Beat == beat_t'(BEATS-1)) && !was_reset);
		second_frame: cover(take && first && (Since == cycles_t'(INTERVAL)) && (waiting == 0) && !was_reset);
	end
	if(INTERVAL > BEATS) begin : genGate
		always_comb closed: cover(rst_n && s_tvalid && m_tready && !s_tready);
	end : genGate

endmodule : frame_pacer_properties

bind frame_pacer frame_pacer_properties #(.WIDTH(WIDTH), .BEATS(BEATS), .INTERVAL(INTERVAL))  properties(
	.beat(32'(Beat)), .waiting(32'(Wait)), .*
);

`default_nettype wire
