// SPDX-License-Identifier: BSD-3-Clause
// The rules of a stream with valid and ready: what is offered stays, unchanged, until it is taken.
//
// ASSUME = 1 where the block under proof is the receiver: then the rules are what its surroundings promise.
`default_nettype none

module axi_stream_rules #(
	parameter int unsigned WIDTH,
	parameter bit          ASSUME
)(
	input  wire              clk,
	input  wire              rst_n,
	input  wire [WIDTH-1:0]  data,
	input  wire              valid,
	input  wire              ready
);
	logic  Waiting = 0;	// offered in the cycle before and not taken
	logic [WIDTH-1:0]  Offered;
	always_ff @(posedge clk) begin
		Waiting <= rst_n && valid && !ready;
		Offered <= data;
	end

	if(ASSUME) begin : genAssume
		always_comb if(rst_n && Waiting) begin
			valid_stays: assume(valid);
			data_stable: assume(data == Offered);
		end
	end : genAssume
	else begin : genAssert
		always_comb if(rst_n && Waiting) begin
			valid_stays: assert(valid);
			data_stable: assert(data == Offered);
		end
		always_comb if(rst_n && Waiting) begin
			waits: cover(ready);
		end
	end : genAssert

endmodule : axi_stream_rules

`default_nettype wire
