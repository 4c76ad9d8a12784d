// SPDX-License-Identifier: BSD-3-Clause
// model_loader: words reach the core only of an image of this build, each once and in order, behind the announcement; from
// the first one on there is no model until a whole image with the right sum has come and the core was reset behind it.
`default_nettype none

module model_loader_properties #(
	parameter logic [31:0]  SHAPE_HASH,
	parameter logic [31:0]  MODEL_HASH,
	parameter int unsigned  LOAD_WORDS
)(
	input  wire  clk,
	input  wire  rst_n,
	input  wire  clear,

	input  wire  begin_load,
	input  wire  give_up,
	input  wire  busy,
	input  wire  reset_core,
	input  wire  good,
	input  wire [31:0]  model_hash,
	input  wire  error_shape,
	input  wire  error_crc,

	input  wire [31:0]  s_tdata,
	input  wire  s_tvalid,
	input  wire  s_tready,

	input  wire  load_begins,
	input  wire [31:0]  m_load_tdata,
	input  wire  m_load_tvalid,

	// inside the block
	input  wire [31:0]  crc
);
	localparam int unsigned  WORDS = LOAD_WORDS + 5;
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	// What came of the image under way, and what the core was given.
	logic [7:0]  Came;
	logic  Ours;	// the words that tell whose image it is are right so far
	logic [31:0]  Sum;
	logic [31:0]  Hash;
	logic  Given = 0;	// a word of it was written, and since then no whole image has come
	logic  Untouched = 1;	// since power-on nothing was loaded
	logic [7:0]  Count;	// of the words given
	logic [31:0]  Last;
	logic  LastValid;
	always_comb if(rst_n) begin
		begins_when_free: assume(!begin_load || (!busy && !clear));
		comes_while_loading: assume(!s_tvalid || busy);
		gives_up_before_it_comes: assume(!give_up || (Came == 0 && !s_tvalid));
	end

	wire  take = s_tvalid && s_tready;
	wire  fits = Came == 0? s_tdata == 32'h314D4653 : Came == 1? s_tdata == SHAPE_HASH :
		Came == 3? s_tdata == LOAD_WORDS : 1'b1;
	// That this is the CRC-32 is for the simulation to see, which has zlib; the solver sees that all words are in it.
	function automatic logic [31:0] crc32(input logic [31:0] crc, input logic [31:0] word);
		crc32 = crc ^ word;
		for(int unsigned i = 0; i < 32; i++)  crc32 = crc32[0]? 32'hEDB88320 ^ (crc32 >> 1) : crc32 >> 1;
	endfunction : crc32
	logic  RightSum;	// of the last whole image
	logic  WasReset;	// the core, since its last word was written
	always_ff @(posedge clk) begin
		if(!rst_n || clear || begin_load) begin
			Came <= 0;
			Ours <= 1;
			Sum <= '1;
			Count <= 0;
			WasReset <= 0;
		end
		else begin
			if(take) begin
				Came <= Came + 1'b1;
				Ours <= Ours && fits;
				if(Came == 2)  Hash <= s_tdata;
				if(32'(Came) < WORDS - 1)  Sum <= crc32(Sum, s_tdata);
				else  RightSum <= crc32(Sum, s_tdata) == 32'hDEBB20E3;
			end
			if(m_load_tvalid)  Count <= Count + 1'b1;
			if(reset_core)  WasReset <= 1;
		end
		Last <= s_tdata;
		LastValid <= rst_n && !clear && take && Ours && (Came >= 4) && (32'(Came) < WORDS - 1);
		if(rst_n && load_begins)  Untouched <= 0;
		if(rst_n && load_begins)  Given <= 1;
		else if(good)  Given <= 0;
	end

	always_comb if(rst_n) begin
		given_as_it_came: assert(m_load_tvalid == LastValid);
		if(m_load_tvalid)  same_word: assert(m_load_tdata == Last);
		if(m_load_tvalid)  never_too_many: assert((32'(Count) < LOAD_WORDS) && Given && !good);
		if(load_begins)  announced_before: assert((Came == 4) && Ours && !m_load_tvalid && (Count == 0));
		if(Given && !load_begins && good)  whole: assert(
			(32'(Came) == WORDS) && Ours && RightSum && WasReset && (32'(Count) == LOAD_WORDS) && (model_hash == Hash));
		none: assert(good == (model_hash != '0) || (Hash == '0));
		if(s_tready && (32'(Came) < WORDS))  same_sum: assert(crc == Sum);
		if(reset_core)  reset_behind_the_last: assert(busy && (32'(Came) == WORDS) && !m_load_tvalid);
		if(error_shape)  not_ours: assert(!Ours && (Count == 0));
		if(error_crc)  wrong_sum: assert(Ours && !RightSum && !good);
		if(was_reset)  idle_after_reset: assert(!busy);
		if(Untouched)  after_power_up: assert((good == (MODEL_HASH != '0)) && (model_hash == MODEL_HASH));
		refused: cover(error_shape);
		wrong: cover(error_crc);
		written: cover(m_load_tvalid && (32'(Count) == LOAD_WORDS - 1));
		given_up: cover(give_up);
	end

endmodule : model_loader_properties

bind model_loader model_loader_properties #(
	.SHAPE_HASH(SHAPE_HASH), .MODEL_HASH(MODEL_HASH), .LOAD_WORDS(LOAD_WORDS)
)  properties(
	.crc(Crc), .*
);

`default_nettype wire
