// SPDX-License-Identifier: BSD-3-Clause
// Several AXI read masters at one port.
//
// Function    Bursts go out one after the other, of those that wait the lowest number's first; memory answers in order
//             (AXI has it so for one ID), and each answer goes to the master whose burst it is. A master takes every
//             beat when it comes, and has BURSTS bursts under way at most.
// Throughput  A burst every cycle, a beat every cycle.
// Latency     An address one cycle, an answer none.
`default_nettype none

module axi_read_arbiter #(
	parameter int unsigned PORTS      = 2,	// 2 or above
	parameter int unsigned ADDR_WIDTH = 32,
	parameter int unsigned BURSTS     = 8 	// of each port
)(
	input  wire                              clk,
	input  wire                              rst_n,

	input  wire [PORTS-1:0][ADDR_WIDTH-1:0]  s_axi_araddr,
	input  wire [PORTS-1:0][7:0]             s_axi_arlen,
	input  wire [PORTS-1:0]                  s_axi_arvalid,
	output wire [PORTS-1:0]                  s_axi_arready,
	output wire [63:0]                       s_axi_rdata,
	output wire [1:0]                        s_axi_rresp,
	output wire                              s_axi_rlast,
	output wire [PORTS-1:0]                  s_axi_rvalid,

	output logic [ADDR_WIDTH-1:0]            m_axi_araddr,
	output logic [7:0]                       m_axi_arlen,
	output logic                             m_axi_arvalid,
	input  wire                              m_axi_arready,
	input  wire [63:0]                       m_axi_rdata,
	input  wire [1:0]                        m_axi_rresp,
	input  wire                              m_axi_rlast,
	input  wire                              m_axi_rvalid,
	output wire                              m_axi_rready
);
	localparam int unsigned  PORT_BITS = $clog2(PORTS);

	initial begin
		if(PORTS < 2)   $error("%m: PORTS = %0d must be 2 or above.", PORTS);
		if(BURSTS < 1)  $error("%m: BURSTS = %0d must be 1 or above.", BURSTS);
	end

	logic [PORT_BITS-1:0]  chosen;
	always_comb begin
		chosen = '0;
		for(int unsigned i = PORTS; i > 0; i--)  if(s_axi_arvalid[i-1])  chosen = PORT_BITS'(i - 1);
	end

	wire  owners_ready;
	wire  free = (!m_axi_arvalid || m_axi_arready) && owners_ready;
	wire  take = free && |s_axi_arvalid;
	for(genvar i = 0; i < PORTS; i++) begin : genPort
		assign  s_axi_arready[i] = free && chosen == PORT_BITS'(i);
	end : genPort

	always_ff @(posedge clk) begin
		if(!rst_n)     m_axi_arvalid <= 1'b0;
		else if(take)  m_axi_arvalid <= 1'b1;
		else if(m_axi_arready)  m_axi_arvalid <= 1'b0;
	end
	always_ff @(posedge clk) begin
		if(take) begin
			m_axi_araddr <= s_axi_araddr[chosen];
			m_axi_arlen <= s_axi_arlen[chosen];
		end
	end

	// Whose the bursts under way are.
	wire [PORT_BITS-1:0]  owner;
	wire  owned;
	lutram_fifo #(.WIDTH(PORT_BITS), .DEPTH(2**$clog2(PORTS*BURSTS))) owners (
		.clk, .rst_n,
		.s_tdata(chosen), .s_tvalid(take), .s_tready(owners_ready),
		.m_tdata(owner), .m_tvalid(owned), .m_tready(m_axi_rvalid && m_axi_rlast),
		/* verilator lint_off PINCONNECTEMPTY */	// nobody asks how many are under way
		.level()
		/* verilator lint_on PINCONNECTEMPTY */
	);
	assign  m_axi_rready = 1'b1;
	assign  s_axi_rdata = m_axi_rdata;
	assign  s_axi_rresp = m_axi_rresp;
	assign  s_axi_rlast = m_axi_rlast;
	for(genvar i = 0; i < PORTS; i++) begin : genAnswer
		assign  s_axi_rvalid[i] = m_axi_rvalid && owned && owner == PORT_BITS'(i);
	end : genAnswer

endmodule : axi_read_arbiter

`default_nettype wire
