// SPDX-License-Identifier: BSD-3-Clause
// From the AXI3 port of Zynq-7's processor (M_AXI_GP0) to AXI4-Lite.
//
// Function    Bursts of 32-bit beats, incrementing (INCR) or at one address (FIXED), become one AXI4-Lite access a
//             beat. A burst's answer to a write is the worst of its beats'. Narrower beats and wrapping bursts touch
//             nothing and are answered SLVERR, beat by beat for reads. An address within a word means that word.
//             Reads and writes go side by side, one burst of each at a time.
// AXI3        Beats are counted by the length, and `wlast` is not looked at. Nor is WID needed: this processor sends
//             the data of its writes in the order of their addresses. Exclusive accesses are answered OKAY, which says
//             that they were not exclusive. WID, LOCK, CACHE and QOS are thus not connected.
// Throughput  A beat takes two cycles more than the slave from address to answer, a burst of reads one more, of
//             writes two.
// Latency     One cycle in each direction: all outputs come from registers.
`default_nettype none

module axi3_to_axil #(
	parameter int unsigned ID_BITS   = 12,
	parameter int unsigned ADDR_BITS = 12
)(
	input  wire                   clk,
	input  wire                   rst_n,

	input  wire [ID_BITS-1:0]     s_axi_awid,
	input  wire [ADDR_BITS-1:0]   s_axi_awaddr,
	input  wire [3:0]             s_axi_awlen,
	input  wire [1:0]             s_axi_awsize,
	input  wire [1:0]             s_axi_awburst,
	input  wire [2:0]             s_axi_awprot,
	input  wire                   s_axi_awvalid,
	output wire                   s_axi_awready,
	input  wire [31:0]            s_axi_wdata,
	input  wire [3:0]             s_axi_wstrb,
	input  wire                   s_axi_wlast,
	input  wire                   s_axi_wvalid,
	output wire                   s_axi_wready,
	output logic [ID_BITS-1:0]    s_axi_bid,
	output logic [1:0]            s_axi_bresp,
	output wire                   s_axi_bvalid,
	input  wire                   s_axi_bready,
	input  wire [ID_BITS-1:0]     s_axi_arid,
	input  wire [ADDR_BITS-1:0]   s_axi_araddr,
	input  wire [3:0]             s_axi_arlen,
	input  wire [1:0]             s_axi_arsize,
	input  wire [1:0]             s_axi_arburst,
	input  wire [2:0]             s_axi_arprot,
	input  wire                   s_axi_arvalid,
	output wire                   s_axi_arready,
	output logic [ID_BITS-1:0]    s_axi_rid,
	output logic [31:0]           s_axi_rdata,
	output logic [1:0]            s_axi_rresp,
	output wire                   s_axi_rlast,
	output wire                   s_axi_rvalid,
	input  wire                   s_axi_rready,

	output wire [ADDR_BITS-1:0]   m_axil_awaddr,
	output logic [2:0]            m_axil_awprot,
	output logic                  m_axil_awvalid,
	input  wire                   m_axil_awready,
	output logic [31:0]           m_axil_wdata,
	output logic [3:0]            m_axil_wstrb,
	output logic                  m_axil_wvalid,
	input  wire                   m_axil_wready,
	input  wire [1:0]             m_axil_bresp,
	input  wire                   m_axil_bvalid,
	output wire                   m_axil_bready,
	output wire [ADDR_BITS-1:0]   m_axil_araddr,
	output logic [2:0]            m_axil_arprot,
	output wire                   m_axil_arvalid,
	input  wire                   m_axil_arready,
	input  wire [31:0]            m_axil_rdata,
	input  wire [1:0]             m_axil_rresp,
	input  wire                   m_axil_rvalid,
	output wire                   m_axil_rready
);
	initial begin
		if(ID_BITS < 1)    $error("%m: ID_BITS = %0d must be 1 or above.", ID_BITS);
		if(ADDR_BITS < 3)  $error("%m: ADDR_BITS = %0d must be 3 or above.", ADDR_BITS);
	end

	localparam logic [1:0]  OKAY = 2'b00;
	localparam logic [1:0]  SLVERR = 2'b10;
	localparam logic [1:0]  FIXED = 2'b00;
	localparam logic [1:0]  INCR = 2'b01;
	localparam logic [1:0]  WORD = 2'b10;	// 4 bytes a beat

	wire  unused = &{1'b0, s_axi_wlast, s_axi_awaddr[1:0], s_axi_araddr[1:0]};

	//-----------------------------------------------------------------------
	// Reads: take the address; then for each beat ask, wait, answer.
	typedef enum logic [1:0] { READ_IDLE, READ_ASK, READ_WAIT, READ_ANSWER } read_e;
	read_e  Read;
	logic [ADDR_BITS-3:0]  ReadWord;
	logic [3:0]            ReadLeft;	// beats behind this one
	logic                  ReadIncr;
	logic                  ReadRefused;

	assign  s_axi_arready = Read == READ_IDLE;
	assign  s_axi_rvalid = Read == READ_ANSWER;
	assign  s_axi_rlast = ReadLeft == '0;
	assign  m_axil_arvalid = Read == READ_ASK;
	assign  m_axil_araddr = {ReadWord, 2'b00};
	assign  m_axil_rready = Read == READ_WAIT;

	wire  read_refuse = s_axi_arsize != WORD || (s_axi_arburst != INCR && s_axi_arburst != FIXED);
	wire  read_next = Read == READ_ANSWER && s_axi_rready && !s_axi_rlast;
	always_ff @(posedge clk) begin
		if(!rst_n)  Read <= READ_IDLE;
		else unique case(Read)
			READ_IDLE:  if(s_axi_arvalid)   Read <= read_refuse? READ_ANSWER : READ_ASK;
			READ_ASK:   if(m_axil_arready)  Read <= READ_WAIT;
			READ_WAIT:  if(m_axil_rvalid)   Read <= READ_ANSWER;
			default:    if(s_axi_rready)    Read <= s_axi_rlast? READ_IDLE : ReadRefused? READ_ANSWER : READ_ASK;
		endcase
	end
	always_ff @(posedge clk) begin
		if(Read == READ_IDLE) begin
			s_axi_rid <= s_axi_arid;
			m_axil_arprot <= s_axi_arprot;
			ReadWord <= s_axi_araddr[ADDR_BITS-1:2];
			ReadLeft <= s_axi_arlen;
			ReadIncr <= s_axi_arburst == INCR;
			ReadRefused <= read_refuse;
			s_axi_rdata <= '0;
			s_axi_rresp <= SLVERR;
		end
		if(Read == READ_WAIT) begin
			s_axi_rdata <= m_axil_rdata;
			s_axi_rresp <= m_axil_rresp;
		end
		if(read_next) begin
			if(ReadIncr)  ReadWord <= ReadWord + 1'b1;
			ReadLeft <= ReadLeft - 1'b1;
		end
	end

	//-----------------------------------------------------------------------
	// Writes: take the address; then for each beat take the data, pass both on and wait; answer once. AXI4-Lite answers
	// only what it has taken whole, so nobody has to look when it takes the address and when the data.
	typedef enum logic [1:0] { WRITE_IDLE, WRITE_TAKE, WRITE_WAIT, WRITE_ANSWER } write_e;
	write_e  Write;
	logic [ADDR_BITS-3:0]  WriteWord;
	logic [3:0]            WriteLeft;	// beats behind this one
	logic                  WriteIncr;
	logic                  WriteRefused;

	assign  s_axi_awready = Write == WRITE_IDLE;
	assign  s_axi_wready = Write == WRITE_TAKE;
	assign  s_axi_bvalid = Write == WRITE_ANSWER;
	assign  m_axil_awaddr = {WriteWord, 2'b00};
	assign  m_axil_bready = Write == WRITE_WAIT;

	wire  write_refuse = s_axi_awsize != WORD || (s_axi_awburst != INCR && s_axi_awburst != FIXED);
	wire  write_last = WriteLeft == '0;
	wire  write_next = !write_last && (WriteRefused? Write == WRITE_TAKE && s_axi_wvalid :
		Write == WRITE_WAIT && m_axil_bvalid);
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Write <= WRITE_IDLE;
			m_axil_awvalid <= 1'b0;
			m_axil_wvalid <= 1'b0;
		end
		else begin
			unique case(Write)
				WRITE_IDLE:  if(s_axi_awvalid)  Write <= WRITE_TAKE;
				WRITE_TAKE:  if(s_axi_wvalid)
					Write <= !WriteRefused? WRITE_WAIT : write_last? WRITE_ANSWER : WRITE_TAKE;
				WRITE_WAIT:  if(m_axil_bvalid)  Write <= write_last? WRITE_ANSWER : WRITE_TAKE;
				default:     if(s_axi_bready)   Write <= WRITE_IDLE;
			endcase

			if(Write == WRITE_TAKE && s_axi_wvalid && !WriteRefused) begin
				m_axil_awvalid <= 1'b1;
				m_axil_wvalid <= 1'b1;
			end
			else begin
				if(m_axil_awready)  m_axil_awvalid <= 1'b0;
				if(m_axil_wready)   m_axil_wvalid <= 1'b0;
			end
		end
	end
	always_ff @(posedge clk) begin
		if(Write == WRITE_IDLE) begin
			s_axi_bid <= s_axi_awid;
			m_axil_awprot <= s_axi_awprot;
			WriteWord <= s_axi_awaddr[ADDR_BITS-1:2];
			WriteLeft <= s_axi_awlen;
			WriteIncr <= s_axi_awburst == INCR;
			WriteRefused <= write_refuse;
			s_axi_bresp <= write_refuse? SLVERR : OKAY;
		end
		if(Write == WRITE_TAKE) begin
			m_axil_wdata <= s_axi_wdata;
			m_axil_wstrb <= s_axi_wstrb;
		end
		if(Write == WRITE_WAIT && m_axil_bvalid && m_axil_bresp > s_axi_bresp)  s_axi_bresp <= m_axil_bresp;
		if(write_next) begin
			if(WriteIncr)  WriteWord <= WriteWord + 1'b1;
			WriteLeft <= WriteLeft - 1'b1;
		end
	end

endmodule : axi3_to_axil

`default_nettype wire
