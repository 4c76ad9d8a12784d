// SPDX-License-Identifier: BSD-3-Clause
// axi_write_arbiter: every burst of every master goes out once, as it is, its address and its words in one order, and
// its answer comes back to that master.
`default_nettype none

module axi_write_arbiter_properties #(
	parameter int unsigned PORTS,
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned BURSTS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [PORTS-1:0][ADDR_WIDTH-1:0]  s_axi_awaddr,
	input  wire [PORTS-1:0][7:0]             s_axi_awlen,
	input  wire [PORTS-1:0]                  s_axi_awvalid,
	input  wire [PORTS-1:0]                  s_axi_awready,
	input  wire [PORTS-1:0][63:0]            s_axi_wdata,
	input  wire [PORTS-1:0][7:0]             s_axi_wstrb,
	input  wire [PORTS-1:0]                  s_axi_wlast,
	input  wire [PORTS-1:0]                  s_axi_wvalid,
	input  wire [PORTS-1:0]                  s_axi_wready,
	input  wire [PORTS-1:0]                  s_axi_bvalid,

	input  wire [ADDR_WIDTH-1:0]             m_axi_awaddr,
	input  wire [7:0]                        m_axi_awlen,
	input  wire                              m_axi_awvalid,
	input  wire                              m_axi_awready,
	input  wire [63:0]                       m_axi_wdata,
	input  wire [7:0]                        m_axi_wstrb,
	input  wire                              m_axi_wlast,
	input  wire                              m_axi_wvalid,
	input  wire                              m_axi_wready,
	input  wire                              m_axi_bvalid,
	input  wire                              m_axi_bready,

	// inside the block
	input  wire                              Held,
	input  wire [$clog2(PORTS)-1:0]          Owner,
	input  wire                              AddressTaken,
	input  wire                              DataTaken
);
	localparam int unsigned  PORT_BITS = $clog2(PORTS);
	localparam int unsigned  MOST = PORTS * BURSTS;
	typedef logic [PORT_BITS-1:0]  port_t;
	typedef logic [$clog2(MOST+2)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(ADDR_WIDTH + 8), .ASSUME(0))  aw(
		.clk, .rst_n, .data({m_axi_awaddr, m_axi_awlen}), .valid(m_axi_awvalid), .ready(m_axi_awready));
	// Of a word's 72 bits, all of which pass as they are (word_as_it_is), two are watched over time.
	axi_stream_rules #(.WIDTH(3), .ASSUME(0))  w(
		.clk, .rst_n, .data({m_axi_wdata[0], m_axi_wstrb[0], m_axi_wlast}), .valid(m_axi_wvalid), .ready(m_axi_wready));

	// Masters: each has BURSTS under way at most, and gives a burst's words with or behind its address.
	wire [PORTS-1:0]  addresses = s_axi_awvalid & s_axi_awready;
	wire [PORTS-1:0]  words = s_axi_wvalid & s_axi_wready;
	wire [PORTS-1:0]  lasts = words & s_axi_wlast;
	count_t [PORTS-1:0]  Of;	// bursts whose address was taken, without an answer
	count_t [PORTS-1:0]  Ahead;	// addresses taken beyond the bursts' last words
	for(genvar  i = 0; i < PORTS; i++) begin : genPort
		axi_stream_rules #(.WIDTH(ADDR_WIDTH + 8), .ASSUME(1))  address(
			.clk, .rst_n, .data({s_axi_awaddr[i], s_axi_awlen[i]}), .valid(s_axi_awvalid[i]), .ready(s_axi_awready[i]));
		axi_stream_rules #(.WIDTH(3), .ASSUME(1))  word(
			.clk, .rst_n, .data({s_axi_wdata[i][0], s_axi_wstrb[i][0], s_axi_wlast[i]}), .valid(s_axi_wvalid[i]),
			.ready(s_axi_wready[i]));
		always_ff @(posedge clk) begin
			if(!rst_n) begin
				Of[i] <= 0;
				Ahead[i] <= 0;
			end
			else begin
				Of[i] <= Of[i] + count_t'(addresses[i]) - count_t'(s_axi_bvalid[i]);
				Ahead[i] <= Ahead[i] + count_t'(addresses[i]) - count_t'(lasts[i]);
			end
		end
		always_comb if(rst_n) begin
			if(s_axi_awvalid[i])  not_too_many: assume(Of[i] < count_t'(BURSTS));
			if(s_axi_wvalid[i])   words_of_a_burst: assume((Ahead[i] == 1) || ((Ahead[i] == 0) && s_axi_awvalid[i]));
			if(s_axi_awvalid[i])  next_at_most: assume((Ahead[i] == 0) || (Ahead[i] == '1) || (Ahead[i] == 1));
			if(s_axi_bvalid[i])   answered_one_of_its: assert(Of[i] != 0);
		end
	end : genPort

	// Memory answers whole bursts.
	wire  address = m_axi_awvalid && m_axi_awready;
	wire  word = m_axi_wvalid && m_axi_wready;
	wire  last = word && m_axi_wlast;
	wire  answer = m_axi_bvalid && m_axi_bready;
	count_t  Addresses, Bursts;	// taken by memory and not answered
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Addresses <= 0;
			Bursts <= 0;
		end
		else begin
			Addresses <= Addresses + count_t'(address) - count_t'(answer);
			Bursts <= Bursts + count_t'(last) - count_t'(answer);
		end
	end
	always_comb if(rst_n && m_axi_bvalid)  answers_whole_bursts: assume((Addresses != 0) && (Bursts != 0));

	// Whose turn it is, by a plain count instead of the block's choice.
	port_t  writes, gives, answered;
	always_comb begin
		writes = '0;
		gives = '0;
		answered = '0;
		for(int unsigned i = 0; i < PORTS; i++) begin
			if(addresses[i])     writes = port_t'(i);
			if(words[i])         gives = port_t'(i);
			if(s_axi_bvalid[i])  answered = port_t'(i);
		end
	end
	wire [$clog2(MOST+2):0]  under_way;
	in_order #(.WIDTH(PORT_BITS), .CAPACITY(MOST + 1))  owners(
		.clk, .rst_n, .push(address), .push_data(writes), .pop(answer), .pop_data(answered), .held(under_way));
	// A burst's address and its words in any order, and none of another's between them.
	port_t  Burst;	// whose burst is not whole yet
	logic   AddressSeen, WordsSeen, LastSeen;
	wire  whole = (AddressSeen || address) && (LastSeen || last);
	always_ff @(posedge clk) begin
		if(!rst_n || whole) begin
			AddressSeen <= 0;
			WordsSeen <= 0;
			LastSeen <= 0;
		end
		else begin
			if(address)  AddressSeen <= 1;
			if(word)     WordsSeen <= 1;
			if(last)     LastSeen <= 1;
		end
		if(address)    Burst <= writes;
		else if(word)  Burst <= gives;
	end

	always_comb if(rst_n) begin
		one_address: assert($onehot0(addresses) && (address == |addresses));
		one_word: assert($onehot0(words) && (word == |words));
		always_takes: assert(m_axi_bready);
		one_is_answered: assert(m_axi_bvalid? $onehot(s_axi_bvalid) : s_axi_bvalid == '0);
		if(address)  address_as_it_is: assert({m_axi_awaddr, m_axi_awlen} == {s_axi_awaddr[writes], s_axi_awlen[writes]});
		if(word)  word_as_it_is: assert({m_axi_wdata, m_axi_wstrb, m_axi_wlast}
			== {s_axi_wdata[gives], s_axi_wstrb[gives], s_axi_wlast[gives]});
		if(address && word)  together: assert(writes == gives);
		if(address && WordsSeen)  address_of_its_words: assert(!AddressSeen && (writes == Burst));
		if(word && (AddressSeen || WordsSeen))  words_of_its_address: assert(!LastSeen && (gives == Burst));
		// What the block remembers of the burst at the port is what was seen of it.
		address_remembered: assert(AddressSeen == (Held && AddressTaken));
		words_remembered: assert(LastSeen == (Held && DataTaken));
		if(AddressSeen || WordsSeen)  owner_remembered: assert(Held && (Owner == Burst));
		if(LastSeen)  last_is_a_word: assert(WordsSeen);
		counted: assert(32'(under_way) == 32'(Addresses));
		bursts_counted: assert(Bursts + count_t'(AddressSeen) == Addresses + count_t'(LastSeen));
		if(was_reset)  reset_leaves_nothing: assert(!m_axi_awvalid && !m_axi_wvalid);
		both: cover(s_axi_bvalid[0] && (Of[PORTS-1] != 0));
		words_first: cover(address && LastSeen);
		two_words: cover(last && WordsSeen);
		full: cover(32'(Addresses) == MOST);
	end

endmodule : axi_write_arbiter_properties

bind axi_write_arbiter axi_write_arbiter_properties #(
	.PORTS(PORTS), .ADDR_WIDTH(ADDR_WIDTH), .BURSTS(BURSTS)
)  properties(.*);

`default_nettype wire
