// SPDX-License-Identifier: BSD-3-Clause
// stream_fork: every output gets every beat once, in order; the input's beat goes when the last output has it.
`default_nettype none

module stream_fork_properties #(
	parameter int unsigned WIDTH,
	parameter int unsigned OUTPUTS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [WIDTH-1:0]          s_tdata,
	input  wire                      s_tvalid,
	input  wire                      s_tready,

	input  wire [OUTPUTS*WIDTH-1:0]  m_tdata,
	input  wire [OUTPUTS-1:0]        m_tvalid,
	input  wire [OUTPUTS-1:0]        m_tready
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(1))  source(
		.clk, .rst_n, .data(s_tdata), .valid(s_tvalid), .ready(s_tready));

	logic [OUTPUTS-1:0]  Ahead;	// outputs that took the beat which still waits at the input
	for(genvar  k = 0; k < OUTPUTS; k++) begin : genOutput
		wire [WIDTH-1:0]  data = m_tdata[k*WIDTH+:WIDTH];
		wire  take = m_tvalid[k] && m_tready[k];
		axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
			.clk, .rst_n, .data, .valid(m_tvalid[k]), .ready(m_tready[k]));

		always_ff @(posedge clk)
			if(!rst_n)  Ahead[k] <= 0;
			else        Ahead[k] <= (Ahead[k] || take) && !(s_tvalid && s_tready);

		always_comb if(rst_n) begin
			if(take)  not_doubled: assert(!Ahead[k]);
			if(s_tvalid && s_tready)  not_lost: assert(Ahead[k] || take);
			if(m_tvalid[k])  same_data: assert(s_tvalid && (data == s_tdata));
			offered_until_taken: assert(m_tvalid[k] == (s_tvalid && !Ahead[k]));
			early: cover(take && !s_tready);	// this output does not wait for the others
		end
	end : genOutput

	always_comb if(rst_n) begin
		moves: assert(s_tready == &(Ahead | m_tready));
		if(was_reset)  reset_leaves_nothing: assert(m_tvalid == {OUTPUTS{s_tvalid}});
		all_at_once: cover(s_tvalid && s_tready && &m_tready && (Ahead == 0));
	end

endmodule : stream_fork_properties

bind stream_fork stream_fork_properties #(.WIDTH(WIDTH), .OUTPUTS(OUTPUTS))  properties(.*);

`default_nettype wire
