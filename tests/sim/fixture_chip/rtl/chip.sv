// SPDX-License-Identifier: BSD-3-Clause
// A chip to try sim.chip on: one burst at a time to or from memory, told by registers, with faults on demand.
//
//   0x00  read: a constant from core/data/mode.dat    0x04  scratch
//   0x10  address    0x14  beats - 1    0x18  size, burst (5:4)    0x1C  fault: 1 valid falls, 2 address changes,
//   3 wlast too early, 4 data changes
//   0x20  write: start (0 read, 1 write)    0x24  busy    0x28  responses, or-ed    0x2C  xor of the words read
//   0x800  every access is answered SLVERR    0xF00  a write is never answered
`default_nettype none

module chip (
	input  wire  clk,
	input  wire  rst_n,
	output wire  irq,

	input  wire [11:0]  s_axil_awaddr,
	input  wire [ 2:0]  s_axil_awprot,
	input  wire         s_axil_awvalid,
	output wire         s_axil_awready,
	input  wire [31:0]  s_axil_wdata,
	input  wire [ 3:0]  s_axil_wstrb,
	input  wire         s_axil_wvalid,
	output wire         s_axil_wready,
	output logic [ 1:0] s_axil_bresp,
	output logic        s_axil_bvalid,
	input  wire         s_axil_bready,
	input  wire [11:0]  s_axil_araddr,
	input  wire [ 2:0]  s_axil_arprot,
	input  wire         s_axil_arvalid,
	output wire         s_axil_arready,
	output logic [31:0] s_axil_rdata,
	output logic [ 1:0] s_axil_rresp,
	output logic        s_axil_rvalid,
	input  wire         s_axil_rready,

	output wire [ 0:0]  m_axi_awid,
	output wire [31:0]  m_axi_awaddr,
	output wire [ 7:0]  m_axi_awlen,
	output wire [ 2:0]  m_axi_awsize,
	output wire [ 1:0]  m_axi_awburst,
	output wire         m_axi_awlock,
	output wire [ 3:0]  m_axi_awcache,
	output wire [ 2:0]  m_axi_awprot,
	output wire [ 3:0]  m_axi_awqos,
	output logic        m_axi_awvalid,
	input  wire         m_axi_awready,
	output wire [63:0]  m_axi_wdata,
	output wire [ 7:0]  m_axi_wstrb,
	output wire         m_axi_wlast,
	output logic        m_axi_wvalid,
	input  wire         m_axi_wready,
	input  wire [ 0:0]  m_axi_bid,
	input  wire [ 1:0]  m_axi_bresp,
	input  wire         m_axi_bvalid,
	output wire         m_axi_bready,
	output wire [ 0:0]  m_axi_arid,
	output wire [31:0]  m_axi_araddr,
	output wire [ 7:0]  m_axi_arlen,
	output wire [ 2:0]  m_axi_arsize,
	output wire [ 1:0]  m_axi_arburst,
	output wire         m_axi_arlock,
	output wire [ 3:0]  m_axi_arcache,
	output wire [ 2:0]  m_axi_arprot,
	output wire [ 3:0]  m_axi_arqos,
	output logic        m_axi_arvalid,
	input  wire         m_axi_arready,
	input  wire [ 0:0]  m_axi_rid,
	input  wire [63:0]  m_axi_rdata,
	input  wire [ 1:0]  m_axi_rresp,
	input  wire         m_axi_rlast,
	input  wire         m_axi_rvalid,
	output wire         m_axi_rready
);
	logic [7:0]  Mode[1];
	initial  $readmemh("data/mode.dat", Mode);

	logic [31:0]  Scratch, Address, Beats, Kind, Fault, Xor;
	logic [ 1:0]  Responses;
	logic [ 7:0]  Beat;
	logic  Busy, Writing;
	logic [ 3:0]  Age;	// cycles since the burst was offered

	assign  irq = Scratch[31] && !Busy;

	// Registers: an access is taken whole, and answered in the next cycle
	wire  write = s_axil_awvalid && s_axil_wvalid && !s_axil_bvalid && s_axil_awaddr != 12'hF00;
	wire  read = s_axil_arvalid && !s_axil_rvalid;
	wire  start = write && s_axil_awaddr == 12'h020;
	assign  s_axil_awready = write;
	assign  s_axil_wready = write;
	assign  s_axil_arready = read;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			s_axil_bvalid <= 1'b0;
			s_axil_rvalid <= 1'b0;
			Scratch <= '0;
			Fault <= '0;
		end
		else begin
			if(s_axil_bready)  s_axil_bvalid <= 1'b0;
			if(s_axil_rready)  s_axil_rvalid <= 1'b0;
			if(write) begin
				s_axil_bvalid <= 1'b1;
				s_axil_bresp <= s_axil_awaddr == 12'h800 ? 2'b10 : 2'b00;
				case(s_axil_awaddr)
					12'h004:  Scratch <= s_axil_wdata;
					12'h010:  Address <= s_axil_wdata;
					12'h014:  Beats <= s_axil_wdata;
					12'h018:  Kind <= s_axil_wdata;
					12'h01C:  Fault <= s_axil_wdata;
					default:  ;
				endcase
			end
			if(read) begin
				s_axil_rvalid <= 1'b1;
				s_axil_rresp <= s_axil_araddr == 12'h800 ? 2'b10 : 2'b00;
				case(s_axil_araddr)
					12'h000:  s_axil_rdata <= 32'(Mode[0]);
					12'h004:  s_axil_rdata <= Scratch;
					12'h024:  s_axil_rdata <= 32'(Busy);
					12'h028:  s_axil_rdata <= 32'(Responses);
					12'h02C:  s_axil_rdata <= Xor;
					default:  s_axil_rdata <= '0;
				endcase
			end
		end
	end

	// One burst
	assign  m_axi_arid = '0;
	assign  m_axi_araddr = Address + (Fault == 2 && Age[3]? 8 : 0);
	assign  m_axi_arlen = Beats[7:0];
	assign  m_axi_arsize = Kind[2:0];
	assign  m_axi_arburst = Kind[5:4];
	assign  m_axi_rready = 1'b1;
	assign  m_axi_awid = '0;
	assign  m_axi_awaddr = Address;
	assign  m_axi_awlen = Beats[7:0];
	assign  m_axi_awsize = Kind[2:0];
	assign  m_axi_awburst = Kind[5:4];
	assign  m_axi_wdata = {8{Beat}} ^ 64'h0706_0504_0302_0100 ^ (Fault == 4 && Age[3]? 64'd1 : 64'd0);
	assign  m_axi_wstrb = Beat == '0? 8'hFE : 8'hFF;	// the first byte stays as it is
	assign  m_axi_wlast = Beat == (Fault == 3? 8'd0 : Beats[7:0]);
	assign  m_axi_bready = 1'b1;
	assign {m_axi_arlock, m_axi_arcache, m_axi_arprot, m_axi_arqos} = '0;
	assign {m_axi_awlock, m_axi_awcache, m_axi_awprot, m_axi_awqos} = '0;
	always_ff @(posedge clk) begin
		Age <= start? '0 : Age + 4'(Age != '1);
		if(!rst_n) begin
			m_axi_arvalid <= 1'b0;
			m_axi_awvalid <= 1'b0;
			m_axi_wvalid <= 1'b0;
			Busy <= 1'b0;
		end
		else if(start) begin
			m_axi_arvalid <= !s_axil_wdata[0];
			m_axi_awvalid <= s_axil_wdata[0];
			m_axi_wvalid <= s_axil_wdata[0];
			Busy <= 1'b1;
			Beat <= '0;
			Responses <= '0;
			Xor <= '0;
		end
		else begin
			if(m_axi_arready || (Fault == 1 && Age[3]))  m_axi_arvalid <= 1'b0;
			if(m_axi_awready)  m_axi_awvalid <= 1'b0;
			if(m_axi_wvalid && m_axi_wready) begin
				Beat <= Beat + 1'b1;
				m_axi_wvalid <= Beat != Beats[7:0];
			end
			if(m_axi_rvalid) begin
				Responses <= Responses | m_axi_rresp;
				Xor <= Xor ^ m_axi_rdata[63:32] ^ m_axi_rdata[31:0];
				if(m_axi_rlast)  Busy <= 1'b0;
			end
			if(m_axi_bvalid) begin
				Responses <= m_axi_bresp;
				Busy <= 1'b0;
			end
		end
	end
endmodule : chip

`default_nettype wire
