// SPDX-License-Identifier: BSD-3-Clause
// stream_fork: every output gets every beat once, in order; the input's beat goes when the last output has it.
`default_nettype none

module stream_fork_properties #(
	parameter int unsigned WIDTH,
	parameter int unsigned OUTPUTS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [WIDTH-1:0]          in_data,
	input  wire                      in_valid,
	input  wire                      in_ready,

	input  wire [OUTPUTS*WIDTH-1:0]  out_data,
	input  wire [OUTPUTS-1:0]        out_valid,
	input  wire [OUTPUTS-1:0]        out_ready
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(1))  source(
		.clk, .rst_n, .data(in_data), .valid(in_valid), .ready(in_ready));

	logic [OUTPUTS-1:0]  Ahead;	// outputs that took the beat which still waits at the input
	for(genvar  k = 0; k < OUTPUTS; k++) begin : genOutput
		wire [WIDTH-1:0]  data = out_data[k*WIDTH+:WIDTH];
		wire  take = out_valid[k] && out_ready[k];
		axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
			.clk, .rst_n, .data, .valid(out_valid[k]), .ready(out_ready[k]));

		always_ff @(posedge clk)
			if(!rst_n)  Ahead[k] <= 0;
			else        Ahead[k] <= (Ahead[k] || take) && !(in_valid && in_ready);

		always_comb if(rst_n) begin
			if(take)  not_doubled: assert(!Ahead[k]);
			if(in_valid && in_ready)  not_lost: assert(Ahead[k] || take);
			if(out_valid[k])  same_data: assert(in_valid && (data == in_data));
			offered_until_taken: assert(out_valid[k] == (in_valid && !Ahead[k]));
			early: cover(take && !in_ready);	// this output does not wait for the others
		end
	end : genOutput

	always_comb if(rst_n) begin
		moves: assert(in_ready == &(Ahead | out_ready));
		if(was_reset)  reset_leaves_nothing: assert(out_valid == {OUTPUTS{in_valid}});
		all_at_once: cover(in_valid && in_ready && &out_ready && (Ahead == 0));
	end

endmodule : stream_fork_properties

bind stream_fork stream_fork_properties #(.WIDTH(WIDTH), .OUTPUTS(OUTPUTS))  properties(.*);

`default_nettype wire
