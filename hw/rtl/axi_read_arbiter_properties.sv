// SPDX-License-Identifier: BSD-3-Clause
// axi_read_arbiter: every burst of every master goes out once, as it is, and its answers come back to that master.
`default_nettype none

module axi_read_arbiter_properties #(
	parameter int unsigned PORTS,
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned BURSTS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [PORTS-1:0][ADDR_WIDTH-1:0]  s_axi_araddr,
	input  wire [PORTS-1:0][7:0]             s_axi_arlen,
	input  wire [PORTS-1:0]                  s_axi_arvalid,
	input  wire [PORTS-1:0]                  s_axi_arready,
	input  wire [63:0]                       s_axi_rdata,
	input  wire                              s_axi_rlast,
	input  wire [PORTS-1:0]                  s_axi_rvalid,

	input  wire [ADDR_WIDTH-1:0]             m_axi_araddr,
	input  wire [7:0]                        m_axi_arlen,
	input  wire                              m_axi_arvalid,
	input  wire                              m_axi_arready,
	input  wire [63:0]                       m_axi_rdata,
	input  wire                              m_axi_rlast,
	input  wire                              m_axi_rvalid,
	input  wire                              m_axi_rready
);
	localparam int unsigned  PORT_BITS = $clog2(PORTS);
	localparam int unsigned  MOST = PORTS * BURSTS;
	typedef logic [$clog2(MOST+2)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(ADDR_WIDTH + 8), .ASSUME(0))  ar(
		.clk, .rst_n, .data({m_axi_araddr, m_axi_arlen}), .valid(m_axi_arvalid), .ready(m_axi_arready));

	// Masters: each has BURSTS under way at most.
	wire [PORTS-1:0]  taken = s_axi_arvalid & s_axi_arready;
	wire [PORTS-1:0]  over = s_axi_rvalid & {PORTS{s_axi_rlast}};
	count_t [PORTS-1:0]  Of;
	for(genvar  i = 0; i < PORTS; i++) begin : genPort
		axi_stream_rules #(.WIDTH(ADDR_WIDTH + 8), .ASSUME(1))  master(
			.clk, .rst_n, .data({s_axi_araddr[i], s_axi_arlen[i]}), .valid(s_axi_arvalid[i]), .ready(s_axi_arready[i]));
		always_ff @(posedge clk)
			if(!rst_n)  Of[i] <= 0;
			else        Of[i] <= Of[i] + count_t'(taken[i]) - count_t'(over[i]);
		always_comb if(rst_n && s_axi_arvalid[i])  not_too_many: assume(Of[i] < count_t'(BURSTS));
		always_comb if(rst_n && over[i])  answered_one_of_its: assert(Of[i] != 0);
	end : genPort

	// Memory answers what it was asked.
	wire  ask = m_axi_arvalid && m_axi_arready;
	wire  last = m_axi_rvalid && m_axi_rready && m_axi_rlast;
	count_t  Asked;
	always_ff @(posedge clk)
		if(!rst_n)  Asked <= 0;
		else        Asked <= Asked + count_t'(ask) - count_t'(last);
	always_comb if(rst_n && m_axi_rvalid)  answers_what_was_asked: assume(Asked != 0);

	// Which master's turn it is, by a plain count instead of the block's choice.
	logic [PORT_BITS-1:0]  winner, answered;
	always_comb begin
		winner = '0;
		answered = '0;
		for(int unsigned i = 0; i < PORTS; i++) begin
			if(taken[i])  winner = PORT_BITS'(i);
			if(s_axi_rvalid[i])  answered = PORT_BITS'(i);
		end
	end
	wire [$clog2(MOST+2):0]  under_way;
	in_order #(.WIDTH(PORT_BITS), .CAPACITY(MOST + 1))  owners(
		.clk, .rst_n, .push(|taken), .push_data(winner), .pop(last), .pop_data(answered), .held(under_way));
	wire [1:0]  waiting;
	in_order #(.WIDTH(ADDR_WIDTH + 8), .CAPACITY(1))  addresses(
		.clk, .rst_n, .push(|taken), .push_data({s_axi_araddr[winner], s_axi_arlen[winner]}),
		.pop(ask), .pop_data({m_axi_araddr, m_axi_arlen}), .held(waiting));

	always_comb if(rst_n) begin
		one_at_a_time: assert($onehot0(taken));
		always_takes: assert(m_axi_rready);
		one_is_answered: assert(m_axi_rvalid? $onehot(s_axi_rvalid) : s_axi_rvalid == '0);
		as_it_is: assert((s_axi_rdata == m_axi_rdata) && (s_axi_rlast == m_axi_rlast));
		counted: assert(32'(under_way) == 32'(Asked) + 32'(m_axi_arvalid));
		offered: assert(m_axi_arvalid == (waiting != 0));
		if(!m_axi_arvalid && |s_axi_arvalid)  moves: assert((32'(under_way) == MOST) || |taken);
		lowest_first: assert(!taken[PORTS-1] || s_axi_arvalid == {1'b1, {(PORTS-1){1'b0}}});
		if(was_reset)  reset_leaves_nothing: assert(!m_axi_arvalid);
		both: cover(over[0] && (Of[PORTS-1] != 0));
		full: cover(32'(Asked) == MOST);
	end

endmodule : axi_read_arbiter_properties

bind axi_read_arbiter axi_read_arbiter_properties #(
	.PORTS(PORTS), .ADDR_WIDTH(ADDR_WIDTH), .BURSTS(BURSTS)
)  properties(.*);

`default_nettype wire
