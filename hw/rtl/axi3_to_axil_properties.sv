// SPDX-License-Identifier: BSD-3-Clause
// axi3_to_axil: AXI3's and AXI4-Lite's handshakes, one access a beat at the right address with the right data, one
// answer a burst with its own ID, and nothing at all for bursts that are refused.
`default_nettype none

module axi3_to_axil_properties #(
	parameter int unsigned ID_BITS,
	parameter int unsigned ADDR_BITS
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [ID_BITS-1:0]     s_axi_awid,
	input  wire [ADDR_BITS-1:0]   s_axi_awaddr,
	input  wire [3:0]             s_axi_awlen,
	input  wire [1:0]             s_axi_awsize,
	input  wire [1:0]             s_axi_awburst,
	input  wire                   s_axi_awvalid,
	input  wire                   s_axi_awready,
	input  wire [31:0]            s_axi_wdata,
	input  wire [3:0]             s_axi_wstrb,
	input  wire                   s_axi_wvalid,
	input  wire                   s_axi_wready,
	input  wire [ID_BITS-1:0]     s_axi_bid,
	input  wire [1:0]             s_axi_bresp,
	input  wire                   s_axi_bvalid,
	input  wire                   s_axi_bready,
	input  wire [ID_BITS-1:0]     s_axi_arid,
	input  wire [ADDR_BITS-1:0]   s_axi_araddr,
	input  wire [3:0]             s_axi_arlen,
	input  wire [1:0]             s_axi_arsize,
	input  wire [1:0]             s_axi_arburst,
	input  wire                   s_axi_arvalid,
	input  wire                   s_axi_arready,
	input  wire [ID_BITS-1:0]     s_axi_rid,
	input  wire [31:0]            s_axi_rdata,
	input  wire [1:0]             s_axi_rresp,
	input  wire                   s_axi_rlast,
	input  wire                   s_axi_rvalid,
	input  wire                   s_axi_rready,

	input  wire [ADDR_BITS-1:0]   m_axil_awaddr,
	input  wire [2:0]             m_axil_awprot,
	input  wire                   m_axil_awvalid,
	input  wire                   m_axil_awready,
	input  wire [31:0]            m_axil_wdata,
	input  wire [3:0]             m_axil_wstrb,
	input  wire                   m_axil_wvalid,
	input  wire                   m_axil_wready,
	input  wire [1:0]             m_axil_bresp,
	input  wire                   m_axil_bvalid,
	input  wire                   m_axil_bready,
	input  wire [ADDR_BITS-1:0]   m_axil_araddr,
	input  wire [2:0]             m_axil_arprot,
	input  wire                   m_axil_arvalid,
	input  wire                   m_axil_arready,
	input  wire [31:0]            m_axil_rdata,
	input  wire [1:0]             m_axil_rresp,
	input  wire                   m_axil_rvalid,
	input  wire                   m_axil_rready,

	// inside the block: the beat at hand of either burst
	input  wire [ADDR_BITS-3:0]   read_word_inside,
	input  wire [3:0]             read_left_inside,
	input  wire [ADDR_BITS-3:0]   write_word_inside,
	input  wire [3:0]             write_left_inside
);
	localparam logic [1:0]  SLVERR = 2'b10;
	typedef logic [ADDR_BITS-3:0]  word_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(ID_BITS + 2), .ASSUME(0))  b(
		.clk, .rst_n, .data({s_axi_bid, s_axi_bresp}), .valid(s_axi_bvalid), .ready(s_axi_bready));
	axi_stream_rules #(.WIDTH(ID_BITS + 32 + 2 + 1), .ASSUME(0))  r(
		.clk, .rst_n, .data({s_axi_rid, s_axi_rdata, s_axi_rresp, s_axi_rlast}), .valid(s_axi_rvalid), .ready(s_axi_rready));
	wire [1:0]  write_addresses;
	wire [1:0]  write_words;
	wire [1:0]  reads;
	axi_lite_rules #(.ADDR_BITS(ADDR_BITS), .OUTSTANDING(1), .MASTER(1))  lite(
		.clk, .rst_n,
		.awaddr(m_axil_awaddr), .awprot(m_axil_awprot), .awvalid(m_axil_awvalid), .awready(m_axil_awready),
		.wdata(m_axil_wdata), .wstrb(m_axil_wstrb), .wvalid(m_axil_wvalid), .wready(m_axil_wready),
		.bresp(m_axil_bresp), .bvalid(m_axil_bvalid), .bready(m_axil_bready),
		.araddr(m_axil_araddr), .arprot(m_axil_arprot), .arvalid(m_axil_arvalid), .arready(m_axil_arready),
		.rdata(m_axil_rdata), .rresp(m_axil_rresp), .rvalid(m_axil_rvalid), .rready(m_axil_rready),
		.write_addresses, .write_words, .reads);

	//-----------------------------------------------------------------------
	// Reads
	logic                Reading;
	logic [ID_BITS-1:0]  ReadId;
	word_t               ReadWord;
	logic [3:0]          ReadLength;
	logic                ReadIncr;
	logic                ReadRefused;
	logic [3:0]          ReadBeat;
	logic                Answered;	// this beat, by the AXI4-Lite port
	logic [33:0]         Answer;
	wire  ar_take = s_axi_arvalid && s_axi_arready;
	wire  r_take = s_axi_rvalid && s_axi_rready;
	wire  asked = Answered || (reads != 0);	// there for this beat
	wire  answer = m_axil_rvalid && m_axil_rready;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Reading <= 0;
			Answered <= 0;
		end
		else begin
			if(ar_take)  Reading <= 1;
			else if(r_take && s_axi_rlast)  Reading <= 0;
			Answered <= !r_take && (Answered || answer);
		end
		if(ar_take) begin
			ReadId <= s_axi_arid;
			ReadWord <= s_axi_araddr[ADDR_BITS-1:2];
			ReadLength <= s_axi_arlen;
			ReadIncr <= s_axi_arburst == 2'b01;
			ReadRefused <= (s_axi_arsize != 2) || (s_axi_arburst > 1);
			ReadBeat <= 0;
		end
		else if(r_take)  ReadBeat <= ReadBeat + 1'b1;
		if(answer)  Answer <= {m_axil_rdata, m_axil_rresp};
	end
	wire word_t  read_word = ReadIncr? ReadWord + word_t'(ReadBeat) : ReadWord;

	always_comb if(rst_n) begin
		if(ar_take)  one_read_at_a_time: assert(!Reading);
		if(s_axi_rvalid) begin
			read_was_asked: assert(Reading && (s_axi_rid == ReadId));
			last_is_last: assert(s_axi_rlast == (ReadBeat == ReadLength));
			if(ReadRefused)  read_refused: assert(s_axi_rresp == SLVERR);
			else             read_answer: assert(Answered && ({s_axi_rdata, s_axi_rresp} == Answer));
		end
		if(m_axil_arvalid) begin
			one_access_a_beat: assert(Reading && !ReadRefused && !asked);
			read_address: assert(m_axil_araddr == {read_word, 2'b00});
		end
		if(Reading && !ReadRefused)  read_position: assert(read_word_inside == read_word);
		if(Reading)  read_count: assert((ReadBeat <= ReadLength) && (read_left_inside == ReadLength - ReadBeat));
		read_stage: assert((s_axi_arready == !Reading) && (m_axil_rready == (asked && !Answered)));
		burst_read: cover(r_take && s_axi_rlast && (ReadBeat == 2));
		read_is_refused: cover(r_take && ReadRefused && s_axi_rlast && (ReadBeat == 1));
	end

	//-----------------------------------------------------------------------
	// Writes
	logic                Writing;
	logic [ID_BITS-1:0]  WriteId;
	word_t               WriteWord;
	logic [3:0]          WriteLength;
	logic                WriteIncr;
	logic                WriteRefused;
	logic [4:0]          Taken;	// beats
	logic [4:0]          Done;	// beats that AXI4-Lite answered
	logic [1:0]          Worst;
	logic [35:0]         Data;	// the beat taken last
	wire  address_sent = write_addresses != 0;
	wire  data_sent = write_words != 0;
	wire  aw_take = s_axi_awvalid && s_axi_awready;
	wire  w_take = s_axi_wvalid && s_axi_wready;
	wire  b_take = s_axi_bvalid && s_axi_bready;
	wire  lite_b_take = m_axil_bvalid && m_axil_bready;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Writing <= 0;
			Taken <= 0;
			Done <= 0;
		end
		else begin
			if(aw_take)  Writing <= 1;
			else if(b_take)  Writing <= 0;
			Taken <= b_take? '0 : Taken + 5'(w_take);
			Done <= b_take? '0 : Done + 5'(lite_b_take);
		end
		if(aw_take) begin
			WriteId <= s_axi_awid;
			WriteWord <= s_axi_awaddr[ADDR_BITS-1:2];
			WriteLength <= s_axi_awlen;
			WriteIncr <= s_axi_awburst == 2'b01;
			WriteRefused <= (s_axi_awsize != 2) || (s_axi_awburst > 1);
			Worst <= 0;
		end
		else if(lite_b_take && (m_axil_bresp > Worst))  Worst <= m_axil_bresp;
		if(w_take)  Data <= {s_axi_wdata, s_axi_wstrb};
	end
	wire word_t  write_word = WriteIncr? WriteWord + word_t'(Done) : WriteWord;

	always_comb if(rst_n) begin
		if(aw_take)  one_write_at_a_time: assert(!Writing);
		if(w_take)  data_of_a_burst: assert(Writing && (Taken <= 5'(WriteLength)) && (WriteRefused || (Taken == Done)));
		if(s_axi_bvalid) begin
			write_was_asked: assert(Writing && (s_axi_bid == WriteId));
			all_beats_taken: assert(Taken == 5'(WriteLength) + 5'd1);
			if(WriteRefused)  write_refused: assert((s_axi_bresp == SLVERR) && (Done == 0));
			else              write_answer: assert((s_axi_bresp == Worst) && (Done == Taken));
		end
		if(m_axil_awvalid) begin
			one_address_a_beat: assert(Writing && !WriteRefused && !address_sent && (Taken == Done + 5'd1));
			write_address: assert(m_axil_awaddr == {write_word, 2'b00});
		end
		if(m_axil_wvalid) begin
			one_data_a_beat: assert(Writing && !WriteRefused && !data_sent && (Taken == Done + 5'd1));
			write_data: assert({m_axil_wdata, m_axil_wstrb} == Data);
		end
		if(Writing && !s_axi_bvalid) begin
			if(!WriteRefused)  write_position: assert(write_word_inside == write_word);
			write_count: assert(write_left_inside == WriteLength - 4'(WriteRefused? Taken : Done));
			write_in_range: assert((WriteRefused? Taken : Done) <= 5'(WriteLength));
		end
		write_stage: assert((s_axi_awready == !Writing) && (!m_axil_bready || !WriteRefused));
		if(!WriteRefused)  write_beat: assert(m_axil_bready == (Taken != Done));
		if(m_axil_bready)  write_sent: assert((m_axil_awvalid == !address_sent) && (m_axil_wvalid == !data_sent));
		if(was_reset)  reset_leaves_nothing: assert(!s_axi_bvalid && !s_axi_rvalid && !m_axil_awvalid && !m_axil_wvalid
			&& !m_axil_arvalid);
		burst_written: cover(b_take && (Done == 2));
		write_is_refused: cover(b_take && WriteRefused && (Taken == 2));
		data_before_address: cover(data_sent && m_axil_awvalid);
		worst_of_two: cover(b_take && (Done == 2) && (s_axi_bresp == 2'b11));
	end

endmodule : axi3_to_axil_properties

bind axi3_to_axil axi3_to_axil_properties #(.ID_BITS(ID_BITS), .ADDR_BITS(ADDR_BITS))  properties(
	.read_word_inside(ReadWord), .read_left_inside(ReadLeft),
	.write_word_inside(WriteWord), .write_left_inside(WriteLeft), .*
);

`default_nettype wire
