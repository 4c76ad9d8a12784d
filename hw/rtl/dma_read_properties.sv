// SPDX-License-Identifier: BSD-3-Clause
// dma_read, its protocol: AXI's rules on the read channels, nothing outside the window, every frame whole at the
// core's side, nothing new after stop. Its data and their order: dma_read_data_properties.sv.
`default_nettype none

module dma_read_properties #(
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned INPUT_BYTES,
	parameter int unsigned IN_ELEMENTS,
	parameter int unsigned MAX_BURST_BEATS,
	parameter int unsigned FIFO_WORDS,
	parameter int unsigned TAG_BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire  stop,
	input  wire  quiet,
	input  wire  busy,

	input  wire [ADDR_WIDTH-1:0]  read_base,
	input  wire [ADDR_WIDTH-1:0]  read_limit,
	input  wire                   error_window,
	input  wire                   error_response,

	input  wire [ADDR_WIDTH-1:0]  s_descriptor_address,
	input  wire [TAG_BITS-1:0]    s_descriptor_tag,
	input  wire                   s_descriptor_tvalid,
	input  wire                   s_descriptor_tready,

	input  wire [8*IN_ELEMENTS-1:0]  m_tdata,
	input  wire                   m_tvalid,
	input  wire                   m_tready,
	input  wire                   m_first,
	input  wire                   m_last,
	input  wire [TAG_BITS-1:0]    m_tag,

	input  wire [ADDR_WIDTH-1:0]  m_axi_araddr,
	input  wire [7:0]             m_axi_arlen,
	input  wire                   m_axi_arvalid,
	input  wire                   m_axi_arready,
	input  wire [63:0]            m_axi_rdata,
	input  wire [1:0]             m_axi_rresp,
	input  wire                   m_axi_rlast,
	input  wire                   m_axi_rvalid,
	input  wire                   m_axi_rready,

	// inside the block
	input  wire  run,	// neither stopped nor failed
	input  wire  checking,	// the descriptor is compared with the window
	input  wire  issuing,	// its bursts are issued
	input  wire  inside_window,
	input  wire [ADDR_WIDTH-4:0]  next_word,	// the next burst's first
	input  wire [31:0]  words_left,	// that no burst was issued for
	input  wire [3:0]   outstanding,	// bursts
	input  wire  r_taken,	// a beat is on its way to the FIFO
	input  wire  r_taken_last,
	input  wire  open,	// a frame is being delivered
	input  wire  queued	// frames wait to be delivered, or one is
);
	localparam int unsigned  BEATS = INPUT_BYTES / IN_ELEMENTS;
	typedef logic [$clog2(BEATS+1)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	// The window may only change while nothing is under way.
	logic [ADDR_WIDTH-1:0]  Base, Limit;
	logic  Idle = 1;
	always_ff @(posedge clk) begin
		Base <= read_base;
		Limit <= read_limit;
		Idle <= !rst_n || (quiet && !busy && !s_descriptor_tvalid);
	end
	always_comb if(!Idle)  window_stays: assume((read_base == Base) && (read_limit == Limit));

	axi_burst_rules #(.ADDR_WIDTH(ADDR_WIDTH), .MAX_BURST_BEATS(MAX_BURST_BEATS))  ar(
		.clk, .rst_n, .base(read_base), .limit(read_limit), .address(m_axi_araddr), .length(m_axi_arlen),
		.valid(m_axi_arvalid), .ready(m_axi_arready), .stop(!run));
	axi_stream_rules #(.WIDTH(8*IN_ELEMENTS + TAG_BITS + 2), .ASSUME(0))  m(
		.clk, .rst_n(rst_n && run), .data({m_tdata, m_tag, m_first, m_last}), .valid(m_tvalid), .ready(m_tready));

	wire [ADDR_WIDTH-4:0]  watch_word;
	wire [63:0]  watch_data;
	wire [3:0]   under_way;
	axi_read_memory #(.ADDR_WIDTH(ADDR_WIDTH), .BURSTS(8))  memory(
		.clk, .rst_n, .araddr(m_axi_araddr), .arlen(m_axi_arlen), .arvalid(m_axi_arvalid), .arready(m_axi_arready),
		.rdata(m_axi_rdata), .rlast(m_axi_rlast), .rvalid(m_axi_rvalid), .rready(m_axi_rready),
		.watch_word, .watch_data, .under_way);

	// A descriptor's words must lie in the window. One that does not is told of two cycles after it was taken.
	wire  accept = s_descriptor_tvalid && s_descriptor_tready;
	wire [63:0]  first = {64'(s_descriptor_address) >> 3, 3'b000};
	wire [63:0]  behind = {(64'(s_descriptor_address) + INPUT_BYTES + 7) >> 3, 3'b000};
	wire  outside = (first < 64'(read_base)) || (behind > 64'(read_limit));
	logic  Outside, Outside2, Error, Error2;
	always_ff @(posedge clk) begin
		Outside <= rst_n && accept && outside;
		Outside2 <= rst_n && run && Outside;
		Error <= rst_n && m_axi_rvalid && m_axi_rresp[1];
		Error2 <= rst_n && run && Error;
	end

	// Frames leave whole.
	count_t  Beat;
	logic [TAG_BITS-1:0]  Tag;
	wire  give = m_tvalid && m_tready;
	always_ff @(posedge clk) begin
		if(!rst_n || !run)  Beat <= 0;
		else if(give)  Beat <= Beat == count_t'(BEATS-1)? '0 : Beat + 1'b1;
		if(give)  Tag <= m_tag;
	end
	logic  StoppedQuiet = 0;
	always_ff @(posedge clk)  StoppedQuiet <= rst_n && stop && quiet;

	always_comb if(rst_n) begin
		always_takes_data: assert(m_axi_rready);
		eight_at_most: assert(under_way <= 8);
		outside_is_told: assert(error_window == Outside2);
		error_is_told: assert(error_response == Error2);

		if(m_tvalid)  frame_bounds: assert((m_first == (Beat == 0)) && (m_last == (Beat == count_t'(BEATS-1))));
		if(m_tvalid && (Beat != 0))  one_tag_a_frame: assert(m_tag == Tag);

		bursts_counted: assert(outstanding == under_way + 4'(m_axi_arvalid) + 4'(r_taken && r_taken_last));
		if(checking && run)  window_checked: assert(inside_window == !Outside);
		if(issuing && run)  rest_in_window: assert((words_left != 0) && ((64'(next_word) << 3) >= 64'(read_base))
			&& (((64'(next_word) + 64'(words_left)) << 3) <= 64'(read_limit)));
		if(run && open)  open_is_queued: assert(queued);
		if(m_tvalid)  valid_is_open: assert(open);

		if(quiet)  quiet_is_quiet: assert(!m_axi_arvalid && (under_way == 0));
		if(stop)  gives_and_takes_nothing: assert(!m_tvalid && !s_descriptor_tready);
		if(stop && StoppedQuiet)  stays_quiet: assert(quiet);
		if(was_reset)  reset_leaves_nothing: assert(!m_axi_arvalid && !m_tvalid && !busy && quiet);

		delivered: cover(give && m_last);
		reads_ahead: cover(give && m_last && (under_way != 0));
		failed: cover(error_response);
		refused: cover(error_window);
		stopped_under_way: cover(stop && (under_way > 1));
	end

endmodule : dma_read_properties

bind dma_read dma_read_properties #(
	.ADDR_WIDTH(ADDR_WIDTH), .INPUT_BYTES(INPUT_BYTES), .IN_ELEMENTS(IN_ELEMENTS), .MAX_BURST_BEATS(MAX_BURST_BEATS),
	.FIFO_WORDS(FIFO_WORDS), .TAG_BITS(TAG_BITS)
)  properties(
	.checking(Stage == CHECK), .issuing(Stage == ISSUE), .next_word(Word), .words_left(32'(Left)),
	.outstanding(4'(Outstanding)), .r_taken(RValid), .r_taken_last(RLast), .open(Open), .queued(frame_valid), .*
);

`default_nettype wire
