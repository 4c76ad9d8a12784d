// SPDX-License-Identifier: BSD-3-Clause
// The rules of an AXI4-Lite port: what is offered on a channel stays until it is taken; a write is answered once, when
// its address and its data have been taken; a read once, after its address.
//
// MASTER = 1 where the block under proof is the master: the slave's rules are then what its surroundings promise. Of the
// master of a slave nothing is assumed: the slave has to do right by one that takes an offer back as well.
`default_nettype none

module axi_lite_rules #(
	parameter int unsigned ADDR_BITS,
	parameter int unsigned OUTSTANDING,	// writes, and reads, that the block has under way at most: 1 or 2
	parameter bit          MASTER
)(
	input  wire                  clk,
	input  wire                  rst_n,
	input  wire [ADDR_BITS-1:0]  awaddr,
	input  wire [2:0]            awprot,
	input  wire                  awvalid,
	input  wire                  awready,
	input  wire [31:0]           wdata,
	input  wire [3:0]            wstrb,
	input  wire                  wvalid,
	input  wire                  wready,
	input  wire [1:0]            bresp,
	input  wire                  bvalid,
	input  wire                  bready,
	input  wire [ADDR_BITS-1:0]  araddr,
	input  wire [2:0]            arprot,
	input  wire                  arvalid,
	input  wire                  arready,
	input  wire [31:0]           rdata,
	input  wire [1:0]            rresp,
	input  wire                  rvalid,
	input  wire                  rready,

	output wire [1:0]            write_addresses,	// of writes, taken and not answered
	output wire [1:0]            write_words,	// of writes, taken and not answered
	output wire [1:0]            reads	// taken and not answered
);
	localparam logic [1:0]  EXOKAY = 2'b01;	// the answer that AXI4-Lite does not have

	logic [1:0]  Addresses;
	logic [1:0]  Words;
	logic [1:0]  Reads;
	wire  b_take = bvalid && bready;
	wire  r_take = rvalid && rready;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Addresses <= 0;
			Words <= 0;
			Reads <= 0;
		end
		else begin
			Addresses <= Addresses + 2'(awvalid && awready) - 2'(b_take);
			Words <= Words + 2'(wvalid && wready) - 2'(b_take);
			Reads <= Reads + 2'(arvalid && arready) - 2'(r_take);
		end
	end
	assign  write_addresses = Addresses;
	assign  write_words = Words;
	assign  reads = Reads;

	always_comb if(rst_n) begin
		writes_under_way: assert((32'(Addresses) <= OUTSTANDING) && (32'(Words) <= OUTSTANDING));
		reads_under_way: assert(32'(Reads) <= OUTSTANDING);
	end

	if(MASTER) begin : genMaster
		axi_stream_rules #(.WIDTH(ADDR_BITS + 3), .ASSUME(0))  aw(
			.clk, .rst_n, .data({awaddr, awprot}), .valid(awvalid), .ready(awready));
		axi_stream_rules #(.WIDTH(32 + 4), .ASSUME(0))  w(
			.clk, .rst_n, .data({wdata, wstrb}), .valid(wvalid), .ready(wready));
		axi_stream_rules #(.WIDTH(ADDR_BITS + 3), .ASSUME(0))  ar(
			.clk, .rst_n, .data({araddr, arprot}), .valid(arvalid), .ready(arready));
		axi_stream_rules #(.WIDTH(2), .ASSUME(1))  b(
			.clk, .rst_n, .data(bresp), .valid(bvalid), .ready(bready));
		axi_stream_rules #(.WIDTH(32 + 2), .ASSUME(1))  r(
			.clk, .rst_n, .data({rdata, rresp}), .valid(rvalid), .ready(rready));
		always_comb if(rst_n) begin
			if(bvalid)  answers_whole_writes: assume((Addresses != 0) && (Words != 0));
			if(rvalid)  answers_what_was_asked: assume(Reads != 0);
		end
	end : genMaster
	else begin : genSlave
		axi_stream_rules #(.WIDTH(2), .ASSUME(0))  b(
			.clk, .rst_n, .data(bresp), .valid(bvalid), .ready(bready));
		axi_stream_rules #(.WIDTH(32 + 2), .ASSUME(0))  r(
			.clk, .rst_n, .data({rdata, rresp}), .valid(rvalid), .ready(rready));
		always_comb if(rst_n) begin
			if(bvalid)  answers_whole_writes: assert((Addresses != 0) && (Words != 0) && (bresp != EXOKAY));
			if(rvalid)  answers_what_was_asked: assert((Reads != 0) && (rresp != EXOKAY));
		end
	end : genSlave

endmodule : axi_lite_rules

`default_nettype wire
