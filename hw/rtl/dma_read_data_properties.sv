// SPDX-License-Identifier: BSD-3-Clause
// dma_read, its data: one word of memory of the solver's choice is watched; wherever a frame has a byte of it, that byte
// leaves in its place. Frames leave in the order of their descriptors.
//
// The tag stands for the frame's address here, so that every beat says where its bytes were to come from.
`default_nettype none

module dma_read_data_properties #(
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned INPUT_BYTES,
	parameter int unsigned IN_ELEMENTS,
	parameter int unsigned MAX_BURST_BEATS,
	parameter int unsigned FIFO_WORDS,
	parameter int unsigned TAG_BITS	// ADDR_WIDTH
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [ADDR_WIDTH-1:0]  read_base,
	input  wire [ADDR_WIDTH-1:0]  read_limit,

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
	input  wire                   m_axi_rlast,
	input  wire                   m_axi_rvalid,
	input  wire                   m_axi_rready,

	input  wire  run	// inside the block: neither stopped nor failed
);
	localparam int unsigned  BEATS = INPUT_BYTES / IN_ELEMENTS;
	localparam int unsigned  FRAMES = 9;	// eight in the queue, and one whose bursts are being issued
	typedef logic [$clog2(BEATS+1)-1:0]  count_t;
	typedef logic [ADDR_WIDTH-1:0]  address_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);

	logic [ADDR_WIDTH-1:0]  Base, Limit;
	always_ff @(posedge clk) begin
		Base <= read_base;
		Limit <= read_limit;
	end
	always_comb begin
		if(!was_reset)  window_stays: assume((read_base == Base) && (read_limit == Limit));
		if(s_descriptor_tvalid)  tag_is_address: assume(s_descriptor_tag == s_descriptor_address);
	end

	wire [ADDR_WIDTH-4:0]  watch_word;
	wire [63:0]  watch_data;
	wire [3:0]   under_way;
	axi_read_memory #(.ADDR_WIDTH(ADDR_WIDTH), .BURSTS(8))  memory(
		.clk, .rst_n, .araddr(m_axi_araddr), .arlen(m_axi_arlen), .arvalid(m_axi_arvalid), .arready(m_axi_arready),
		.rdata(m_axi_rdata), .rlast(m_axi_rlast), .rvalid(m_axi_rvalid), .rready(m_axi_rready),
		.watch_word, .watch_data, .under_way);

	wire  accept = s_descriptor_tvalid && s_descriptor_tready;
	wire [63:0]  first = {64'(s_descriptor_address) >> 3, 3'b000};
	wire [63:0]  behind = {(64'(s_descriptor_address) + INPUT_BYTES + 7) >> 3, 3'b000};
	wire  outside = (first < 64'(read_base)) || (behind > 64'(read_limit));

	count_t  Beat;
	wire  give = m_tvalid && m_tready;
	always_ff @(posedge clk) begin
		if(!rst_n || !run)  Beat <= 0;
		else if(give)       Beat <= m_last? '0 : Beat + 1'b1;
	end
	wire [$clog2(FRAMES+1):0]  held;
	in_order #(.WIDTH(TAG_BITS), .CAPACITY(FRAMES))  order(
		.clk, .rst_n(rst_n && run), .push(accept && !outside), .push_data(s_descriptor_tag),
		.pop(give && m_last), .pop_data(m_tag), .held);

	wire [IN_ELEMENTS-1:0]  seen;	// bytes of the watched word in this beat
	for(genvar  i = 0; i < IN_ELEMENTS; i++) begin : genByte
		wire address_t  address = m_tag + address_t'(32'(Beat) * IN_ELEMENTS) + address_t'(i);
		assign  seen[i] = address[ADDR_WIDTH-1:3] == watch_word;
		always_comb if(rst_n && m_tvalid && seen[i])
			right_byte: assert(m_tdata[8*i+:8] == watch_data[8*address[2:0]+:8]);
	end : genByte

	always_comb if(rst_n) begin
		if(m_tvalid)  of_a_descriptor: assert(held != 0);
		unaligned: cover(give && m_last && seen[0] && (m_tag[2:0] == 5));
		second_frame: cover(give && m_last && seen[0] && (under_way == 0) && (held == 2));
	end

endmodule : dma_read_data_properties

bind dma_read dma_read_data_properties #(
	.ADDR_WIDTH(ADDR_WIDTH), .INPUT_BYTES(INPUT_BYTES), .IN_ELEMENTS(IN_ELEMENTS), .MAX_BURST_BEATS(MAX_BURST_BEATS),
	.FIFO_WORDS(FIFO_WORDS), .TAG_BITS(TAG_BITS)
)  properties(.*);

`default_nettype wire
