// SPDX-License-Identifier: BSD-3-Clause
// plane_read: AXI's rules on the read channels; nothing outside the window in which the part lies; every word of every
// row once, in order, as memory has it; nothing new after stop.
`default_nettype none

module plane_read_properties #(
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned SIZE_BITS,
	parameter int unsigned STRIDE_BITS,
	parameter int unsigned MAX_BURST_BEATS,
	parameter int unsigned FIFO_WORDS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire  stop,
	input  wire  quiet,
	input  wire  error_response,

	input  wire [ADDR_WIDTH-1:0]   s_part_address,
	input  wire [STRIDE_BITS-1:0]  s_part_stride,
	input  wire [SIZE_BITS-1:0]    s_part_columns,
	input  wire [SIZE_BITS-1:0]    s_part_rows,
	input  wire                    s_part_tvalid,
	input  wire                    s_part_tready,

	input  wire [63:0]             m_tdata,
	input  wire                    m_tvalid,
	input  wire                    m_tready,

	input  wire [ADDR_WIDTH-1:0]   m_axi_araddr,
	input  wire [7:0]              m_axi_arlen,
	input  wire                    m_axi_arvalid,
	input  wire                    m_axi_arready,
	input  wire [63:0]             m_axi_rdata,
	input  wire [1:0]              m_axi_rresp,
	input  wire                    m_axi_rlast,
	input  wire                    m_axi_rvalid,
	input  wire                    m_axi_rready,

	// inside the block
	input  wire  run,	// neither stopped nor failed
	input  wire [3:0]  outstanding,	// bursts
	input  wire  r_taken,	// a beat is on its way to the FIFO
	input  wire  r_taken_last,
	input  wire [31:0]  stored	// words in the FIFO's memory
);
	typedef logic [ADDR_WIDTH-1:0]  address_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	// One part, of the solver's choice, and a window around it; parts follow each other.
	address_t  First, Base, Limit;
	logic [STRIDE_BITS-1:0]  Stride;
	logic [SIZE_BITS-1:0]    Columns, Rows;
	always_ff @(posedge clk) begin
		First <= First;
		Base <= Base;
		Limit <= Limit;
		Stride <= Stride;
		Columns <= Columns;
		Rows <= Rows;
	end
	wire [31:0]  part_end = 32'(First) + 32'(Stride) * (32'(Rows) - 1) + 32'(Columns);
	always_comb begin
		some_part: assume((Columns != 0) && (Rows != 0));
		aligned_window: assume((Base[2:0] == 0) && (Limit[2:0] == 0));
		within_window: assume((First >= Base) && (part_end <= 32'(Limit)));
		if(s_part_tvalid)  this_part: assume((s_part_address == First) && (s_part_stride == Stride)
			&& (s_part_columns == Columns) && (s_part_rows == Rows));
	end
	axi_stream_rules #(.WIDTH(1), .ASSUME(1))  parts(
		.clk, .rst_n(rst_n && run), .data(1'b0), .valid(s_part_tvalid), .ready(s_part_tready));

	axi_burst_rules #(.ADDR_WIDTH(ADDR_WIDTH), .MAX_BURST_BEATS(MAX_BURST_BEATS))  ar(
		.clk, .rst_n, .base(Base), .limit(Limit), .address(m_axi_araddr), .length(m_axi_arlen),
		.valid(m_axi_arvalid), .ready(m_axi_arready), .stop(!run));
	axi_stream_rules #(.WIDTH(64), .ASSUME(0))  m(
		.clk, .rst_n(rst_n && run), .data(m_tdata), .valid(m_tvalid), .ready(m_tready));
	wire [ADDR_WIDTH-4:0]  watch_word;
	wire [63:0]  watch_data;
	wire [3:0]   under_way;
	axi_read_memory #(.ADDR_WIDTH(ADDR_WIDTH), .BURSTS(8))  memory(
		.clk, .rst_n, .araddr(m_axi_araddr), .arlen(m_axi_arlen), .arvalid(m_axi_arvalid), .arready(m_axi_arready),
		.rdata(m_axi_rdata), .rlast(m_axi_rlast), .rvalid(m_axi_rvalid), .rready(m_axi_rready),
		.watch_word, .watch_data, .under_way);

	// The word that must be delivered next: row after row, part after part.
	address_t  Row;	// its first byte
	logic [SIZE_BITS-1:0]  RowsLeft;	// behind this one
	logic [ADDR_WIDTH-4:0]  Word;
	wire [ADDR_WIDTH-4:0]  row_last = (ADDR_WIDTH-3)'((32'(Row) + 32'(Columns) - 1) >> 3);
	wire  give = m_tvalid && m_tready;
	wire  row_over = Word == row_last;
	wire address_t  next_row = RowsLeft == 0? First : Row + address_t'(Stride);
	always_ff @(posedge clk) begin
		if(!rst_n || !run) begin
			Row <= First;
			Word <= First[ADDR_WIDTH-1:3];
			RowsLeft <= Rows - 1'b1;
		end
		else if(give) begin
			Word <= row_over? next_row[ADDR_WIDTH-1:3] : Word + 1'b1;
			if(row_over) begin
				Row <= next_row;
				RowsLeft <= RowsLeft == 0? Rows - 1'b1 : RowsLeft - 1'b1;
			end
		end
	end

	logic  Error, Error2;
	logic  StoppedQuiet = 0;
	always_ff @(posedge clk) begin
		Error <= rst_n && m_axi_rvalid && m_axi_rresp[1];
		Error2 <= rst_n && run && Error;
		StoppedQuiet <= rst_n && stop && quiet;
	end

	always_comb if(rst_n) begin
		always_takes_data: assert(m_axi_rready);
		eight_at_most: assert(under_way <= 8);
		error_is_told: assert(error_response == Error2);
		never_too_many: assert(stored <= FIFO_WORDS);
		bursts_counted: assert(outstanding == under_way + 4'(m_axi_arvalid) + 4'(r_taken && r_taken_last));
		if(m_tvalid && (Word == watch_word))  right_word: assert(m_tdata == watch_data);

		if(quiet)  quiet_is_quiet: assert(!m_axi_arvalid && (under_way == 0));
		if(stop)  gives_and_takes_nothing: assert(!m_tvalid && !s_part_tready);
		if(stop && StoppedQuiet)  stays_quiet: assert(quiet);
		if(was_reset)  reset_leaves_nothing: assert(!m_axi_arvalid && !m_tvalid && quiet);

		second_row: cover(give && (Word == watch_word) && (Row != First) && (First[2:0] == 5));
		unaligned_stride: cover(give && row_over && (RowsLeft == 0) && (Rows == 2) && (Stride[2:0] == 3));
		failed: cover(error_response);
		stopped_under_way: cover(stop && (under_way > 1));
	end

endmodule : plane_read_properties

bind plane_read plane_read_properties #(
	.ADDR_WIDTH(ADDR_WIDTH), .SIZE_BITS(SIZE_BITS), .STRIDE_BITS(STRIDE_BITS), .MAX_BURST_BEATS(MAX_BURST_BEATS),
	.FIFO_WORDS(FIFO_WORDS)
)  properties(
	.outstanding(4'(Outstanding)), .r_taken(RValid), .r_taken_last(RLast), .stored(32'((FIFO_BITS+1)'(Wr - Rd))), .*
);

`default_nettype wire
