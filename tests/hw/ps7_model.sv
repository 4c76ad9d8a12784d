// SPDX-License-Identifier: BSD-3-Clause
// The ports of Zynq-7's processing system that top_zynq7 uses, with a program in it: a processor that talks to the chip
// over M_AXI_GP0, and memory behind S_AXI_HP0. It runs two frames and prints what it reads; plusargs name the files.
//
// AXI3 as the hardware has it: 12-bit IDs at GP0 that must come back, WID at HP0 that must be the burst's, lengths of
// 4 bits. Every violation is a $error.
`default_nettype none

module PS7 (
	output wire [3:0]  FCLKCLK,
	output wire [3:0]  FCLKRESETN,
	input  wire [3:0]  FCLKCLKTRIGN,
	input  wire        FPGAIDLEN,
	input  wire [19:0] IRQF2P,

	input  wire        MAXIGP0ACLK,
	output logic [11:0] MAXIGP0AWID, MAXIGP0ARID,
	output logic [31:0] MAXIGP0AWADDR, MAXIGP0ARADDR, MAXIGP0WDATA,
	output logic [ 3:0] MAXIGP0AWLEN, MAXIGP0ARLEN, MAXIGP0WSTRB,
	output logic [ 1:0] MAXIGP0AWSIZE, MAXIGP0ARSIZE, MAXIGP0AWBURST, MAXIGP0ARBURST,
	output logic [ 2:0] MAXIGP0AWPROT, MAXIGP0ARPROT,
	output logic        MAXIGP0AWVALID, MAXIGP0WVALID, MAXIGP0WLAST, MAXIGP0BREADY, MAXIGP0ARVALID, MAXIGP0RREADY,
	input  wire         MAXIGP0AWREADY, MAXIGP0WREADY, MAXIGP0BVALID, MAXIGP0ARREADY, MAXIGP0RVALID, MAXIGP0RLAST,
	input  wire [11:0]  MAXIGP0BID, MAXIGP0RID,
	input  wire [ 1:0]  MAXIGP0BRESP, MAXIGP0RRESP,
	input  wire [31:0]  MAXIGP0RDATA,

	input  wire         SAXIHP0ACLK, SAXIHP0RDISSUECAP1EN, SAXIHP0WRISSUECAP1EN,
	input  wire [ 5:0]  SAXIHP0AWID, SAXIHP0WID, SAXIHP0ARID,
	input  wire [31:0]  SAXIHP0AWADDR, SAXIHP0ARADDR,
	input  wire [ 3:0]  SAXIHP0AWLEN, SAXIHP0ARLEN, SAXIHP0AWCACHE, SAXIHP0ARCACHE, SAXIHP0AWQOS, SAXIHP0ARQOS,
	input  wire [ 1:0]  SAXIHP0AWSIZE, SAXIHP0ARSIZE, SAXIHP0AWBURST, SAXIHP0ARBURST, SAXIHP0AWLOCK, SAXIHP0ARLOCK,
	input  wire [ 2:0]  SAXIHP0AWPROT, SAXIHP0ARPROT,
	input  wire         SAXIHP0AWVALID, SAXIHP0WVALID, SAXIHP0WLAST, SAXIHP0BREADY, SAXIHP0ARVALID, SAXIHP0RREADY,
	input  wire [63:0]  SAXIHP0WDATA,
	input  wire [ 7:0]  SAXIHP0WSTRB,
	output logic        SAXIHP0AWREADY, SAXIHP0WREADY, SAXIHP0BVALID, SAXIHP0ARREADY, SAXIHP0RVALID, SAXIHP0RLAST,
	output logic [ 5:0] SAXIHP0BID, SAXIHP0RID,
	output logic [ 1:0] SAXIHP0BRESP, SAXIHP0RRESP,
	output logic [63:0] SAXIHP0RDATA
);
	localparam int unsigned  WORDS = 8192;	// 64-bit words of memory
	localparam logic [31:0]  BASE = 32'h1000_0000;
	localparam logic [31:0]  RECORDS = BASE + 8*(WORDS - 256);

	bit  Clock = 0, Release = 0;
	always #5 Clock = !Clock;
	assign  FCLKCLK = {3'b0, Clock};
	assign  FCLKRESETN = {3'b0, Release};
	wire  clk = MAXIGP0ACLK;
	always @(posedge Clock) if(FCLKCLKTRIGN != 0 || !FPGAIDLEN)  $error("FCLKCLKTRIGN or FPGAIDLEN");

	//-----------------------------------------------------------------------
	// Memory; nothing that is asked of it before the first reset counts
	logic [63:0]  Memory[WORDS];
	function automatic int unsigned word(input logic [31:0] address);
		if(address < BASE || address >= BASE + 8*WORDS)  $error("address %h is outside memory", address);
		return (address - BASE) / 8;
	endfunction

	initial forever begin : readMemory
		logic [31:0]  address; logic [3:0]  left; logic [5:0]  id;
		SAXIHP0ARREADY = 1; SAXIHP0RVALID = 0; SAXIHP0RRESP = 0;
		do @(posedge SAXIHP0ACLK); while(!SAXIHP0ARVALID || !Release);
		address = SAXIHP0ARADDR; left = SAXIHP0ARLEN; id = SAXIHP0ARID;
		if(SAXIHP0ARSIZE != 3 || SAXIHP0ARBURST != 1 || SAXIHP0ARLOCK != 0)  $error("AR: no INCR burst of 8 bytes");
		#1 SAXIHP0ARREADY = 0;
		repeat(20) @(posedge SAXIHP0ACLK);
		forever begin
			#1 SAXIHP0RVALID = 1; SAXIHP0RDATA = Memory[word(address)]; SAXIHP0RLAST = left == 0; SAXIHP0RID = id;
			do @(posedge SAXIHP0ACLK); while(!SAXIHP0RREADY);
			if(left == 0)  break;
			left--; address += 8;
		end
		#1 SAXIHP0RVALID = 0;
	end

	initial forever begin : writeMemory
		logic [31:0]  address; logic [3:0]  left; logic [5:0]  id;
		SAXIHP0AWREADY = 1; SAXIHP0WREADY = 0; SAXIHP0BVALID = 0; SAXIHP0BRESP = 0;
		do @(posedge SAXIHP0ACLK); while(!SAXIHP0AWVALID || !Release);
		address = SAXIHP0AWADDR; left = SAXIHP0AWLEN; id = SAXIHP0AWID;
		if(SAXIHP0AWSIZE != 3 || SAXIHP0AWBURST != 1 || SAXIHP0AWLOCK != 0)  $error("AW: no INCR burst of 8 bytes");
		#1 SAXIHP0AWREADY = 0; SAXIHP0WREADY = 1;
		forever begin
			do @(posedge SAXIHP0ACLK); while(!SAXIHP0WVALID);
			for(int i = 0; i < 8; i++)  if(SAXIHP0WSTRB[i])  Memory[word(address)][8*i +: 8] = SAXIHP0WDATA[8*i +: 8];
			if(SAXIHP0WLAST != (left == 0) || SAXIHP0WID != id)  $error("W: LAST or WID");
			if(left == 0)  break;
			left--; address += 8;
		end
		#1 SAXIHP0WREADY = 0; SAXIHP0BVALID = 1; SAXIHP0BID = id;
		do @(posedge SAXIHP0ACLK); while(!SAXIHP0BREADY);
		#1 SAXIHP0BVALID = 0;
	end

	//-----------------------------------------------------------------------
	// Processor
	logic [11:0]  Id = 12'hA51;
	task automatic write(input logic [11:0] offset, input logic [31:0] data);
		Id = {Id[10:0], Id[11]};
		MAXIGP0AWID = Id; MAXIGP0AWADDR = 32'h4000_0000 + 32'(offset); MAXIGP0AWVALID = 1;
		MAXIGP0WDATA = data; MAXIGP0WVALID = 1;
		while(MAXIGP0AWVALID || MAXIGP0WVALID) begin
			automatic bit  aw, w;
			@(posedge clk) aw = MAXIGP0AWREADY; w = MAXIGP0WREADY;
			#1 if(aw)  MAXIGP0AWVALID = 0;
			if(w)  MAXIGP0WVALID = 0;
		end
		do @(posedge clk); while(!MAXIGP0BVALID);
		if(MAXIGP0BID != Id || MAXIGP0BRESP != 0)  $error("write to %h: ID %h, response %h", offset, MAXIGP0BID, MAXIGP0BRESP);
		#1;
	endtask
	task automatic read(input logic [11:0] offset, output logic [31:0] data);
		Id = {Id[10:0], Id[11]};
		MAXIGP0ARID = Id; MAXIGP0ARADDR = 32'h4000_0000 + 32'(offset); MAXIGP0ARVALID = 1;
		do @(posedge clk); while(!MAXIGP0ARREADY);
		#1 MAXIGP0ARVALID = 0;
		do @(posedge clk); while(!MAXIGP0RVALID);
		data = MAXIGP0RDATA;
		if(MAXIGP0RID != Id || MAXIGP0RRESP != 0 || !MAXIGP0RLAST)  $error("read of %h: ID %h, LAST %b", offset, MAXIGP0RID, MAXIGP0RLAST);
		#1;
	endtask

	import chip_pkg::*;
	import chip_config_pkg::*;
	initial begin : program_
		logic [31:0]  value;
		string  frames;
		MAXIGP0AWVALID = 0; MAXIGP0WVALID = 0; MAXIGP0ARVALID = 0;
		MAXIGP0BREADY = 1; MAXIGP0RREADY = 1; MAXIGP0WLAST = 1; MAXIGP0WSTRB = '1;
		MAXIGP0AWLEN = 0; MAXIGP0AWSIZE = 2; MAXIGP0AWBURST = 1; MAXIGP0AWPROT = 0;
		MAXIGP0ARLEN = 0; MAXIGP0ARSIZE = 2; MAXIGP0ARBURST = 1; MAXIGP0ARPROT = 0;
		if(!$value$plusargs("frames=%s", frames))  $fatal(1, "no frames");
		$readmemh(frames, Memory);
		#200 Release = 1;
		repeat(20) @(posedge clk);
		#1 read(ADDR_ID, value);       $display("ID %h", value);
		read(ADDR_BUILD_HASH, value);  $display("BUILD_HASH %h", value);
		write(ADDR_READ_BASE_LO, BASE);     write(ADDR_READ_LIMIT_LO, RECORDS);
		write(ADDR_WRITE_BASE_LO, RECORDS); write(ADDR_WRITE_LIMIT_LO, BASE + 8*WORDS);
		write(ADDR_RESULT_SLOTS, 2);
		write(ADDR_IRQ_ENABLE, 1 << IRQ_ENABLE_RESULT_LSB);
		write(ADDR_CONTROL, 1 << CONTROL_RUN_LSB);
		write(ADDR_DESCRIPTOR_BYTES, INPUT_BYTES);
		$display("IRQ %h", IRQF2P);
		for(int unsigned  frame = 0; frame < 2; frame++) begin
			write(ADDR_DESCRIPTOR_ADDRESS_LO, BASE + frame*INPUT_BYTES);
			write(ADDR_DESCRIPTOR_FRAME_ID, 32'hF0 + frame);
			write(ADDR_DESCRIPTOR_CONTEXT, 32'(frame == 0) << DESCRIPTOR_CONTEXT_CLEAR_LSB);
		end
		do begin
			read(ADDR_RESULT_LEVEL, value);
			if($time > 4_000_000)  $fatal(1, "no results");
		end while(value != 2);
		$display("IRQ %h", IRQF2P);
		for(int unsigned  i = 0; i < 2*RECORD_BYTES/8; i++) begin
			$display("WORD %h", Memory[word(RECORDS) + i][31:0]);
			$display("WORD %h", Memory[word(RECORDS) + i][63:32]);
		end
		$finish;
	end

endmodule : PS7

// A buffer of the clock tree
module BUFG (input wire I, output wire O);
	assign  O = I;
endmodule : BUFG

`default_nettype wire
