// SPDX-License-Identifier: BSD-3-Clause
// load_port: one word of the stream of the solver's choice is followed into the memory's word; every address is written
// once between `begins` and `ends`, in order, and none at any other time.
`default_nettype none

module load_port_properties #(
	parameter int unsigned WIDTH,
	parameter int unsigned DEPTH,
	localparam int unsigned ADDRESS_BITS = DEPTH > 1? $clog2(DEPTH) : 1
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire                     begins,
	input  wire                     ends,
	input  wire [31:0]              s_tdata,
	input  wire                     s_tvalid,

	input  wire                     write,
	input  wire [ADDRESS_BITS-1:0]  address,
	input  wire [WIDTH-1:0]         word,

	// inside the block
	input  wire  active,
	input  wire [31:0]  part
);
	localparam int unsigned  PARTS = (WIDTH + 31) / 32;
	localparam int unsigned  WORDS = DEPTH * PARTS;	// of the stream
	typedef logic [$clog2(WORDS+1)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	logic    Mine;	// between `begins` and `ends`
	count_t  Count;	// words taken
	wire  take = Mine && s_tvalid;
	// In few bits: a divider of 32 takes Yosys a quarter of a minute.
	wire count_t  quotient = Count / count_t'(PARTS);
	wire count_t  remainder = Count % count_t'(PARTS);
	always_ff @(posedge clk) begin
		if(!rst_n)  Mine <= 0;
		else if(begins) begin
			Mine <= 1;
			Count <= 0;
		end
		else if(take) begin
			Mine <= 32'(Count) != WORDS - 1;
			Count <= Count + 1'b1;
		end
	end

	// This part of a memory's word, of the solver's choice.
	wire  follow;
	anyseq  choice(.Y(follow));
	logic  Following;
	logic [31:0]  Followed;
	logic [31:0]  Place;
	wire  whole = take && (32'(remainder) == PARTS - 1);
	always_ff @(posedge clk) begin
		if(!rst_n || begins || whole)  Following <= 0;
		else if(take && follow && !Following) begin
			Following <= 1;
			Followed <= s_tdata;
			Place <= 32'(remainder);
		end
	end

	for(genvar  i = 0; i < PARTS; i++) begin : genPart
		localparam int unsigned  BITS = i < PARTS - 1? 32 : WIDTH - 32*i;
		always_comb if(rst_n && write && Following && (Place == i))
			right_part: assert(word[32*i +: BITS] == Followed[BITS-1:0]);
	end : genPart

	// Before the first load memories keep what they have after power-on, in reset and before it.
	logic  Begun = 0;
	always_ff @(posedge clk)  Begun <= Begun || begins;
	always_comb if(!Begun)  untouched: assert(!write);

	always_comb if(rst_n) begin
		known: assert(active == Mine);
		if(Mine)  counted: assert((32'(address) == 32'(quotient)) && (part == 32'(remainder)));
		if(Mine)  in_range: assert(32'(Count) < WORDS);
		if(Following)  followed_is_before: assert(Place < part);
		written_when_whole: assert(write == whole);
		if(write)  right_last: assert(word[WIDTH-1 -: WIDTH-32*(PARTS-1)] == s_tdata[WIDTH-32*(PARTS-1)-1:0]);
		ends_with_the_last: assert(ends == (take && (32'(Count) == WORDS - 1)));
		if(was_reset)  reset_stops: assert(!write);
		again: cover(begins && Mine && ((WORDS == 1) || (Count != 0)));
		done: cover(ends && !was_reset);
	end

endmodule : load_port_properties

bind load_port load_port_properties #(.WIDTH(WIDTH), .DEPTH(DEPTH))  properties(.active(Active), .part(32'(Part)), .*);

`default_nettype wire
