// SPDX-License-Identifier: BSD-3-Clause
// weight_memory: one word of the solver's choice is followed from the load stream into the memory, and out of it each time
// that its turn comes after a reset.
`default_nettype none

module weight_memory_properties #(
	parameter int unsigned WIDTH,
	parameter int unsigned DEPTH,
	localparam int unsigned ADDRESS_BITS = DEPTH > 1? $clog2(DEPTH) : 1
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire               load_begins,
	input  wire               load_ends,

	input  wire [WIDTH-1:0]   m_tdata,
	input  wire               m_tvalid,
	input  wire               m_tready,

	// inside the block
	input  wire                     write,
	input  wire [ADDRESS_BITS-1:0]  write_address,
	input  wire [WIDTH-1:0]         write_word,
	input  wire [ADDRESS_BITS-1:0]  next,
	input  wire                     latch_full,
	input  wire [WIDTH-1:0]         latch
);
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(WIDTH), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	// This address, of the solver's choice, and what was written there last.
	wire [ADDRESS_BITS-1:0]  any;
	anyseq #(.WIDTH(ADDRESS_BITS))  choice(.Y(any));
	logic [ADDRESS_BITS-1:0]  Chosen;
	logic  Known = 0;
	logic [WIDTH-1:0]  Content;
	logic  Fresh;	// nothing was written since reset
	always_ff @(posedge clk) begin
		if(write && (write_address == (Known? Chosen : any))) begin
			Known <= 1;
			Chosen <= write_address;
			Content <= write_word;
		end
		if(!rst_n)      Fresh <= 1;
		else if(write)  Fresh <= 0;
	end

	logic [ADDRESS_BITS-1:0]  Place;	// of the word that is offered, or comes next
	always_ff @(posedge clk) begin
		if(!rst_n)  Place <= 0;
		else if(m_tvalid && m_tready)  Place <= Place == ADDRESS_BITS'(DEPTH-1)? '0 : Place + 1'b1;
	end
	wire [ADDRESS_BITS-1:0]  behind = Place == ADDRESS_BITS'(DEPTH-1)? '0 : Place + 1'b1;
	wire [ADDRESS_BITS-1:0]  latched = m_tvalid? behind : Place;
	wire [ADDRESS_BITS-1:0]  read_next = !latch_full? latched : latched == ADDRESS_BITS'(DEPTH-1)? '0 : latched + 1'b1;

	always_comb if(rst_n) begin
		in_range: assert((32'(Place) < DEPTH) && (32'(next) < DEPTH));
		in_order: assert(next == read_next);
		if(latch_full && Known && Fresh && (latched == Chosen))  right_latch: assert(latch == Content);
		if(m_tvalid && Known && Fresh && (Place == Chosen))  right_word: assert(m_tdata == Content);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		came: cover(m_tvalid && m_tready && Known && Fresh && (Place == Chosen));
		stays: cover(m_tvalid && !m_tready && latch_full && Known);
		loaded: cover(load_ends && !load_begins);
	end

endmodule : weight_memory_properties

bind weight_memory weight_memory_properties #(.WIDTH(WIDTH), .DEPTH(DEPTH))  properties(
	.next(Next), .latch_full(LatchValid), .latch(Latch), .*
);

`default_nettype wire
