// SPDX-License-Identifier: BSD-3-Clause
// dma_write: AXI's rules on the write channels, every word of a record once at its address, nothing outside the window,
// nothing new after stop.
`default_nettype none

module dma_write_properties #(
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned RECORD_BYTES,
	parameter int unsigned MAX_BURST_BEATS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire  stop,
	input  wire  quiet,
	input  wire  busy,

	input  wire [ADDR_WIDTH-1:0]  write_base,
	input  wire [ADDR_WIDTH-1:0]  write_limit,
	input  wire                   error_window,
	input  wire                   error_response,
	input  wire                   done,

	input  wire [ADDR_WIDTH-1:0]  s_record_address,
	input  wire                   s_record_tvalid,
	input  wire                   s_record_tready,

	input  wire [63:0]            s_tdata,
	input  wire                   s_tvalid,
	input  wire                   s_tready,

	input  wire [ADDR_WIDTH-1:0]  m_axi_awaddr,
	input  wire [7:0]             m_axi_awlen,
	input  wire                   m_axi_awvalid,
	input  wire                   m_axi_awready,
	input  wire [63:0]            m_axi_wdata,
	input  wire [7:0]             m_axi_wstrb,
	input  wire                   m_axi_wlast,
	input  wire                   m_axi_wvalid,
	input  wire                   m_axi_wready,
	input  wire [1:0]             m_axi_bresp,
	input  wire                   m_axi_bvalid,
	input  wire                   m_axi_bready,

	input  wire  run	// inside the block: neither stopped nor failed
);
	localparam int unsigned  RECORD_WORDS = RECORD_BYTES / 8;
	typedef logic [$clog2(RECORD_WORDS+1)-1:0]  count_t;
	typedef logic [ADDR_WIDTH-4:0]  word_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	// The window may only change while nothing is under way.
	logic [ADDR_WIDTH-1:0]  Base, Limit;
	logic  Idle = 1;
	always_ff @(posedge clk) begin
		Base <= write_base;
		Limit <= write_limit;
		Idle <= !rst_n || (quiet && !busy && !s_record_tvalid);
	end
	always_comb if(!Idle)  window_stays: assume((write_base == Base) && (write_limit == Limit));

	wire  aw_take = m_axi_awvalid && m_axi_awready;
	wire  w_take = m_axi_wvalid && m_axi_wready;
	axi_burst_rules #(.ADDR_WIDTH(ADDR_WIDTH), .MAX_BURST_BEATS(MAX_BURST_BEATS))  aw(
		.clk, .rst_n, .base(write_base), .limit(write_limit), .address(m_axi_awaddr), .length(m_axi_awlen),
		.valid(m_axi_awvalid), .ready(m_axi_awready), .stop(!run));
	axi_stream_rules #(.WIDTH(64 + 8 + 1), .ASSUME(0))  w(
		.clk, .rst_n, .data({m_axi_wdata, m_axi_wstrb, m_axi_wlast}), .valid(m_axi_wvalid), .ready(m_axi_wready));

	// The burst under way: its address and its data are taken in any order.
	logic        AddressTaken;
	logic        DataTaken;
	word_t       TakenWord;
	logic [7:0]  TakenLength;
	logic [7:0]  Beat;
	logic [3:0]  Due;	// whole bursts that memory has not answered
	wire  word_t       burst_word = AddressTaken? TakenWord : m_axi_awaddr[ADDR_WIDTH-1:3];
	wire  [7:0]  burst_length = AddressTaken? TakenLength : m_axi_awlen;
	wire  address_over = AddressTaken || aw_take;
	wire  data_over = DataTaken || (w_take && m_axi_wlast);
	wire  burst_over = address_over && data_over;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			AddressTaken <= 0;
			DataTaken <= 0;
			Beat <= 0;
			Due <= 0;
		end
		else begin
			AddressTaken <= address_over && !burst_over;
			DataTaken <= data_over && !burst_over;
			if(aw_take) begin
				TakenWord <= m_axi_awaddr[ADDR_WIDTH-1:3];
				TakenLength <= m_axi_awlen;
			end
			if(w_take)  Beat <= m_axi_wlast? '0 : Beat + 1'b1;
			Due <= Due + 4'(burst_over) - 4'(m_axi_bvalid && m_axi_bready);
		end
	end
	// Memory answers whole bursts alone, each once.
	always_comb if(rst_n && m_axi_bvalid)  answers_what_was_asked: assume(Due != 0);

	// The record under way.
	logic    Open;
	count_t  Collected;
	word_t   Next;	// the word that must be written next
	count_t  Written;
	logic    Failed;	// an answer was an error
	wire  record_take = s_record_tvalid && s_record_tready;
	wire  word_take = s_tvalid && s_tready;
	wire  write = w_take && (m_axi_wstrb != 0);
	wire word_t  write_word = burst_word + word_t'(Beat);
	always_ff @(posedge clk) begin
		if(!rst_n || !run)  Open <= 0;
		else if(record_take)  Open <= 1;
		else if(done || error_window)  Open <= 0;
		if(record_take) begin
			Collected <= 0;
			Written <= 0;
			Next <= s_record_address[ADDR_WIDTH-1:3];
			Failed <= 0;
		end
		else begin
			if(word_take)  Collected <= Collected + 1'b1;
			if(write) begin
				Written <= Written + 1'b1;
				Next <= Next + 1'b1;
			end
			if(m_axi_bvalid && m_axi_bresp[1])  Failed <= 1;
		end
	end
	wire [$clog2(MAX_BURST_BEATS+1):0]  held;
	in_order #(.WIDTH(64), .CAPACITY(MAX_BURST_BEATS))  order(
		.clk, .rst_n(rst_n && run), .push(word_take), .push_data(s_tdata), .pop(w_take), .pop_data(m_axi_wdata), .held);

	wire [63:0]  record_first = {64'(s_record_address) >> 3, 3'b000};
	wire  outside = (record_first < 64'(write_base)) || (record_first + RECORD_BYTES > 64'(write_limit));
	logic  Outside, Outside2;
	always_ff @(posedge clk) begin
		Outside <= rst_n && record_take && outside;
		Outside2 <= rst_n && run && Outside;
	end
	logic  StoppedQuiet = 0;
	always_ff @(posedge clk)  StoppedQuiet <= rst_n && stop && quiet;

	always_comb if(rst_n) begin
		if(m_axi_wvalid)  data_has_address: assert((AddressTaken || m_axi_awvalid) && !DataTaken);
		if(m_axi_wvalid)  last_is_last: assert(m_axi_wlast == (Beat == burst_length));
		if(m_axi_awvalid)  one_burst_at_a_time: assert(!AddressTaken);
		eight_at_most: assert(Due <= 8);
		always_takes_answers: assert(m_axi_bready);

		strobes_all_or_none: assert(!m_axi_wvalid || (m_axi_wstrb == 8'hFF) || (m_axi_wstrb == 8'h00));
		if(run && m_axi_wvalid)  written: assert(m_axi_wstrb == 8'hFF);
		if(run && write)  at_its_address: assert(write_word == Next);
		if(run && word_take)  no_word_too_many: assert(Open && (32'(Collected) < RECORD_WORDS));
		if(run && done)  done_when_in_memory: assert(Open && (32'(Written) == RECORD_WORDS) && (Due == 0) && !Failed);
		outside_is_told: assert(error_window == Outside2);

		if(quiet)  quiet_is_quiet: assert(!m_axi_awvalid && !m_axi_wvalid && !AddressTaken && !DataTaken && (Due == 0));
		if(stop)  takes_nothing: assert(!s_record_tready && !s_tready);
		if(stop && StoppedQuiet)  stays_quiet: assert(quiet);
		if(was_reset)  reset_leaves_nothing: assert(!m_axi_awvalid && !m_axi_wvalid && !busy && quiet);

		record_done: cover(done);
		several_bursts: cover(done && (record_first[11:3] == 1));
		aborted: cover(w_take && (m_axi_wstrb == 0));
		failed: cover(error_response);
		refused: cover(error_window);
		data_first: cover(DataTaken && !AddressTaken);
	end

endmodule : dma_write_properties

bind dma_write dma_write_properties #(
	.ADDR_WIDTH(ADDR_WIDTH), .RECORD_BYTES(RECORD_BYTES), .MAX_BURST_BEATS(MAX_BURST_BEATS)
)  properties(.*);

`default_nettype wire
