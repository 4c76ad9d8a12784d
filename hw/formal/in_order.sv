// SPDX-License-Identifier: BSD-3-Clause
// No beat lost, doubled or reordered: the solver chooses one beat of all that go in and follows it until it leaves.
//
// `held` counts the beats between entry and exit. A lost beat would keep it up for ever and, CAPACITY lost beats
// later, beyond CAPACITY; a doubled one would leave when nothing is inside.
`default_nettype none

module in_order #(
	parameter int unsigned WIDTH,
	parameter int unsigned CAPACITY
)(
	input  wire              clk,
	input  wire              rst_n,
	input  wire              push,
	input  wire [WIDTH-1:0]  push_data,
	input  wire              pop,
	input  wire [WIDTH-1:0]  pop_data,
	output wire [$clog2(CAPACITY+1):0]  held
);
	typedef logic [$clog2(CAPACITY+1):0]  count_t;
	wire  follow;	// this beat, of the solver's choice
	anyseq  choice(.Y(follow));

	count_t  Count;
	count_t  Ahead;	// beats that leave before the followed one
	logic    Following;
	logic [WIDTH-1:0]  Followed;
	assign  held = Count;

	wire  here = Following && (Ahead == 0);	// the followed beat is the next to leave
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Count <= 0;
			Ahead <= 0;
			Following <= 0;
		end
		else begin
			Count <= Count + count_t'(push) - count_t'(pop);
			if(push && follow && !Following) begin
				Following <= 1;
				Followed <= push_data;
				Ahead <= Count - count_t'(pop);
			end
			else if(Following && pop) begin
				if(here)  Following <= 0;
				else      Ahead <= Ahead - 1'b1;
			end
		end
	end

	always_comb if(rst_n) begin
		not_lost: assert(Count <= count_t'(CAPACITY));
		if(pop)  not_doubled: assert(Count != 0);
		if(pop && here)  not_reordered: assert(pop_data == Followed);
		if(Following)  ahead_is_inside: assert(Ahead < Count);
		delivered: cover(pop && here);
	end

endmodule : in_order

`default_nettype wire
