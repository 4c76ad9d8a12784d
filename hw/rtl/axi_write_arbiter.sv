// SPDX-License-Identifier: BSD-3-Clause
// Several AXI write masters at one port.
//
// Function    A burst after the other has the port, of those that wait the lowest number's first, until its address and
//             its last word have been taken; memory answers in order (AXI has it so for one ID), and each answer goes to
//             the master whose burst it is. A master takes every answer when it comes, and has BURSTS bursts under way
//             at most.
// Throughput  A word every cycle; a cycle from a burst to the next.
// Latency     A burst that waits alone reaches the port in the next cycle; words and answers pass at once.
`default_nettype none

module axi_write_arbiter #(
	parameter int unsigned PORTS      = 2,	// 2 or above
	parameter int unsigned ADDR_WIDTH = 32,
	parameter int unsigned BURSTS     = 8 	// of each port
)(
	input  wire                              clk,
	input  wire                              rst_n,

	input  wire [PORTS-1:0][ADDR_WIDTH-1:0]  s_axi_awaddr,
	input  wire [PORTS-1:0][7:0]             s_axi_awlen,
	input  wire [PORTS-1:0]                  s_axi_awvalid,
	output wire [PORTS-1:0]                  s_axi_awready,
	input  wire [PORTS-1:0][63:0]            s_axi_wdata,
	input  wire [PORTS-1:0][7:0]             s_axi_wstrb,
	input  wire [PORTS-1:0]                  s_axi_wlast,
	input  wire [PORTS-1:0]                  s_axi_wvalid,
	output wire [PORTS-1:0]                  s_axi_wready,
	output wire [1:0]                        s_axi_bresp,
	output wire [PORTS-1:0]                  s_axi_bvalid,

	output wire [ADDR_WIDTH-1:0]             m_axi_awaddr,
	output wire [7:0]                        m_axi_awlen,
	output wire                              m_axi_awvalid,
	input  wire                              m_axi_awready,
	output wire [63:0]                       m_axi_wdata,
	output wire [7:0]                        m_axi_wstrb,
	output wire                              m_axi_wlast,
	output wire                              m_axi_wvalid,
	input  wire                              m_axi_wready,
	input  wire [1:0]                        m_axi_bresp,
	input  wire                              m_axi_bvalid,
	output wire                              m_axi_bready
);
	localparam int unsigned  PORT_BITS = $clog2(PORTS);

	initial begin
		if(PORTS < 2)   $error("%m: PORTS = %0d must be 2 or above.", PORTS);
		if(BURSTS < 1)  $error("%m: BURSTS = %0d must be 1 or above.", BURSTS);
	end

	logic [PORT_BITS-1:0]  chosen;
	always_comb begin
		chosen = '0;
		for(int unsigned i = PORTS; i > 0; i--)  if(s_axi_awvalid[i-1])  chosen = PORT_BITS'(i - 1);
	end

	//-----------------------------------------------------------------------
	// Whose the port is, and what of its burst has been taken.
	logic  Held;
	logic [PORT_BITS-1:0]  Owner;
	logic  AddressTaken;
	logic  DataTaken;
	wire  owners_ready;
	wire  take = !Held && owners_ready && |s_axi_awvalid;
	wire  address_taken = m_axi_awvalid && m_axi_awready;
	wire  data_taken = m_axi_wvalid && m_axi_wready && m_axi_wlast;
	wire  over = (AddressTaken || address_taken) && (DataTaken || data_taken);
	always_ff @(posedge clk) begin
		if(!rst_n)      Held <= 1'b0;
		else if(take)   Held <= 1'b1;
		else if(over)   Held <= 1'b0;
	end
	always_ff @(posedge clk) begin
		if(!Held) begin
			Owner <= chosen;
			AddressTaken <= 1'b0;
			DataTaken <= 1'b0;
		end
		else begin
			if(address_taken)  AddressTaken <= 1'b1;
			if(data_taken)     DataTaken <= 1'b1;
		end
	end

	assign  m_axi_awaddr = s_axi_awaddr[Owner];
	assign  m_axi_awlen = s_axi_awlen[Owner];
	assign  m_axi_awvalid = Held && !AddressTaken && s_axi_awvalid[Owner];
	assign  m_axi_wdata = s_axi_wdata[Owner];
	assign  m_axi_wstrb = s_axi_wstrb[Owner];
	assign  m_axi_wlast = s_axi_wlast[Owner];
	assign  m_axi_wvalid = Held && !DataTaken && s_axi_wvalid[Owner];
	for(genvar i = 0; i < PORTS; i++) begin : genPort
		assign  s_axi_awready[i] = Held && !AddressTaken && m_axi_awready && Owner == PORT_BITS'(i);
		assign  s_axi_wready[i] = Held && !DataTaken && m_axi_wready && Owner == PORT_BITS'(i);
	end : genPort

	//-----------------------------------------------------------------------
	// Whose the bursts under way are.
	wire [PORT_BITS-1:0]  answered;
	wire  owned;
	lutram_fifo #(.WIDTH(PORT_BITS), .DEPTH(2**$clog2(PORTS*BURSTS))) owners (
		.clk, .rst_n,
		.s_tdata(chosen), .s_tvalid(take), .s_tready(owners_ready),
		.m_tdata(answered), .m_tvalid(owned), .m_tready(m_axi_bvalid),
		/* verilator lint_off PINCONNECTEMPTY */	// nobody asks how many are under way
		.level()
		/* verilator lint_on PINCONNECTEMPTY */
	);
	assign  m_axi_bready = 1'b1;
	assign  s_axi_bresp = m_axi_bresp;
	for(genvar i = 0; i < PORTS; i++) begin : genAnswer
		assign  s_axi_bvalid[i] = m_axi_bvalid && owned && answered == PORT_BITS'(i);
	end : genAnswer

endmodule : axi_write_arbiter

`default_nettype wire
