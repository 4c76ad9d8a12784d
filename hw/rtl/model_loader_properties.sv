// SPDX-License-Identifier: BSD-3-Clause
// model_loader: words reach the core only of an image of this build, each once and in order, behind the announcement; from
// the first one on there is no model until a whole image with the right sum has come and the core was reset behind it.
//
// The step of the check sum is cut out (checks.py): whatever it computes, every word goes into it once and in order, and
// its last result decides. That it is the CRC-32's is for the simulation to see, which has zlib.
//
// All that is said of one bank, of the solver's choice: what is loaded into another one does not touch it.
`default_nettype none

module model_loader_properties #(
	parameter logic [31:0]  SHAPE_HASH,
	parameter logic [31:0]  MODEL_HASH,
	parameter int unsigned  LOAD_WORDS,
	parameter int unsigned  MODELS,
	parameter int unsigned  BANK_BITS,
	parameter int unsigned  SETTLE,
	parameter int unsigned  HOLD
)(
	input  wire  clk,
	input  wire  rst_n,
	input  wire  clear,

	input  wire  begin_load,
	input  wire [BANK_BITS-1:0]  bank,
	input  wire  give_up,
	input  wire  busy,
	input  wire  reset_core,
	input  wire [MODELS-1:0]  good,
	input  wire [MODELS-1:0][31:0]  model_hash,
	input  wire  error_shape,
	input  wire  error_crc,

	input  wire [31:0]  s_tdata,
	input  wire  s_tvalid,
	input  wire  s_tready,

	input  wire [MODELS-1:0]  load_begins,
	input  wire [31:0]  m_load_tdata,
	input  wire  m_load_tvalid,

	// inside the block
	input  wire [1:0]   state,
	input  wire [31:0]  index,
	input  wire [31:0]  crc,
	input  wire [31:0]  next_crc,
	input  wire [31:0]  new_hash,
	input  wire [BANK_BITS-1:0]  loaded_bank,
	input  wire         refused,
	input  wire         right,
	input  wire [5:0]   left	// cycles
);
	localparam int unsigned  WORDS = LOAD_WORDS + 5;
	localparam logic [1:0]  IDLE = 0, WORDS_COME = 1, CHECK = 2, RESET = 3;
	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	logic [BANK_BITS-1:0]  Watch;	// the bank
	always_ff @(posedge clk)  Watch <= Watch;
	always_comb is_there: assume(32'(Watch) < MODELS);
	wire  watched_good = good[Watch];
	wire [31:0]  watched_hash = model_hash[Watch];
	wire  begins = load_begins[Watch];

	// What came of the image under way.
	logic [BANK_BITS-1:0]  Bank;	// where it goes
	wire  mine = Bank == Watch;
	logic [7:0]  Came;
	logic  Ours;	// the words that tell whose image it is are right so far
	logic [31:0]  Sum;
	logic [31:0]  Hash;
	logic  Whole;	// its last word came in the cycle before
	logic  WasReset;	// the core, since then
	// What the core was given. In the first cycle of all, any register may say anything.
	logic  Up = 0;
	logic  Given = 0;	// a word of it was announced, and since then no whole image has come
	logic  Untouched = 1;	// since power-on nothing was announced
	logic [7:0]  Count;	// of the words given
	logic [31:0]  Last;
	logic  LastValid;
	logic  WasMine, WasGood;	// in the cycle before
	logic [31:0]  WasHash;
	always_comb if(rst_n) begin
		begins_when_free: assume(!begin_load || (!busy && !clear && (32'(bank) < MODELS)));
		comes_while_loading: assume(!s_tvalid || busy);
		gives_up_before_it_comes: assume(!give_up || (Came == 0 && !s_tvalid));
	end

	wire  take = s_tvalid && s_tready;
	wire  fits = Came == 0? s_tdata == 32'h314D4653 : Came == 1? s_tdata == SHAPE_HASH :
		Came == 2? s_tdata != '0 : Came == 3? s_tdata == LOAD_WORDS : 1'b1;
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
				Sum <= next_crc;
				if(Came == 2)  Hash <= s_tdata;
			end
			if(m_load_tvalid)  Count <= Count + 1'b1;
			if(reset_core)  WasReset <= 1;
		end
		if(begin_load)  Bank <= bank;
		WasMine <= mine && busy;
		WasGood <= watched_good;
		WasHash <= watched_hash;
		Last <= s_tdata;
		LastValid <= rst_n && !clear && take && Ours && (Came >= 4) && (32'(Came) < WORDS - 1);
		Whole <= rst_n && !clear && take && (32'(Came) == WORDS - 1);
		Up <= 1;
		if(Up && begins)  Untouched <= 0;
		if(Up && begins)  Given <= 1;
		else if(watched_good)  Given <= 0;
	end
	wire  right_sum = Sum == 32'hDEBB20E3;

	always_comb if(rst_n) begin
		given_as_it_came: assert(m_load_tvalid == LastValid);
		if(m_load_tvalid)  same_word: assert(m_load_tdata == Last);
		if(m_load_tvalid)  never_too_many: assert((32'(Count) < LOAD_WORDS) && busy);
		if(m_load_tvalid && mine)  none_meanwhile: assert(Given && !watched_good);
		if(load_begins != '0)  announced_before: assert(
			(Came == 4) && Ours && !m_load_tvalid && (Count == 0) && (load_begins == MODELS'(1) << Bank));
		if(begins)  gone_before: assert(!watched_good);
		if(Given && watched_good)  whole: assert((32'(Came) == WORDS) && Ours && right_sum && WasReset
			&& (32'(Count) == LOAD_WORDS) && (watched_hash == Hash) && mine);
		if(Up && !WasMine)  other_banks_stay: assert((watched_good == WasGood) && (watched_hash == WasHash));
		none: assert(watched_good == (watched_hash != '0));
		if(reset_core)  reset_behind_the_last: assert(busy && (32'(Came) == WORDS) && !m_load_tvalid);
		shape_is_told: assert(error_shape == (Whole && !Ours));
		if(error_shape)  not_ours: assert((Count == 0) && !busy);
		if(error_crc)  wrong_sum: assert(Ours && !right_sum && (32'(Came) == WORDS) && !(mine && watched_good));
		if((state == RESET) && (32'(left) == SETTLE + HOLD - 1))  sum_is_told: assert(error_crc == !right_sum);
		if(was_reset)  idle_after_reset: assert(!busy && (load_begins == '0) && !m_load_tvalid);
		if(Untouched && !begins)  after_power_up: assert(
			(watched_good == (MODEL_HASH != '0)) && (watched_hash == MODEL_HASH));
		refused_one: cover(error_shape);
		wrong_one: cover(error_crc);
		good_one: cover(watched_good && Given);
		written: cover(m_load_tvalid && (32'(Count) == LOAD_WORDS - 1));
		given_up: cover(give_up && busy);
		cut_short: cover(Given && !busy && !watched_good && !error_crc);
	end

	// What ties the block's registers to all that.
	always_comb if(rst_n) begin
		if(!busy)  nothing_comes: assert((load_begins == '0) && !m_load_tvalid && !reset_core);
		if(busy)  same_sum: assert((crc == Sum) && (loaded_bank == Bank) && (32'(Bank) < MODELS));
		if(state == WORDS_COME)  same_place: assert((index == 32'(Came)) && (index < WORDS) && (refused == !Ours));
		if((state == CHECK) || (state == RESET))  all_came: assert((32'(Came) == WORDS) && Ours);
		if(busy && Came > 2)  same_hash: assert(new_hash == Hash);
		if(busy && Ours && Came > 2)  some_hash: assert(Hash != '0);
		if(busy && (!Ours || Came < 4))  none_given: assert((Count == 0) && !m_load_tvalid && (load_begins == '0));
		if(busy && Ours && (Came == 4))  announced: assert((Count == 0) && !m_load_tvalid);
		if(busy && Ours && (Came == 4) && mine)  announced_here: assert((begins || Given) && !watched_good);
		if(busy && Ours && (Came > 4) && mine)  given_here: assert(Given && !watched_good);
		if(busy && Ours && (Came > 4))  counted: assert(
			(load_begins == '0) && (8'(m_load_tvalid) + Count == (32'(Came) == WORDS? 8'(LOAD_WORDS) : Came - 8'd4)));
		if(state == CHECK)  settles: assert(!m_load_tvalid && !reset_core);
		if(state == RESET)  ends: assert((32'(left) < SETTLE + HOLD) && (right == right_sum) && !m_load_tvalid);
		if((state == RESET) && (32'(left) + 1 < HOLD))  resets: assert(WasReset);
	end

endmodule : model_loader_properties

bind model_loader model_loader_properties #(
	.SHAPE_HASH(SHAPE_HASH), .MODEL_HASH(MODEL_HASH), .LOAD_WORDS(LOAD_WORDS), .MODELS(MODELS), .BANK_BITS(BANK_BITS),
	.SETTLE(SETTLE), .HOLD(HOLD)
)  properties(
	.state(State), .index(32'(Index)), .crc(Crc), .new_hash(NewHash), .loaded_bank(Bank), .refused(Refused), .right(Right), .left(Wait), .*
);

`default_nettype wire
