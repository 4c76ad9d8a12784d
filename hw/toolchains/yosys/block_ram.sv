// SPDX-License-Identifier: BSD-3-Clause
// A 7-series block RAM for simulation (memory resources, UG473): what RAMB18E1 and RAMB36E1 share. Yosys has a
// behavioural model of every other cell that it uses.
//
// Function    Two ports; port A reads up to 72 bits where RAM_MODE is "SDP" (port B then only writes). Output registers,
//             cascades and inverted pins, which Yosys does not use, are refused.
// Collision   A word read through one port in the cycle in which the other writes it is undefined, unless the other is
//             READ_FIRST: here it comes inverted, so that a design that depends on it is found out.
`default_nettype none

module block_ram #(
	int unsigned BYTES,	// 2048 or 4096, of nine bits
	parameter logic [BYTES*8-1:0] INIT,
	parameter logic [BYTES-1:0] INITP,
	parameter logic [35:0] SRVAL_A,
	parameter logic [35:0] SRVAL_B,
	parameter RAM_MODE,
	int unsigned READ_WIDTH_A,
	int unsigned READ_WIDTH_B,
	int unsigned WRITE_WIDTH_A,
	int unsigned WRITE_WIDTH_B,
	parameter WRITE_MODE_A,
	parameter WRITE_MODE_B,
	bit PLAIN,	// no output registers, no cascade, no inverted pins
	localparam int unsigned ABITS = $clog2(BYTES) + 3
)(
	input  wire clk_a, input wire clk_b,
	input  wire en_a, input wire en_b,
	input  wire sr_a, input wire sr_b,	// set or reset: the latch becomes SRVAL
	input  wire [7:0] we_a, input wire [7:0] we_b,
	input  wire [ABITS-1:0] addr_a, input wire [ABITS-1:0] addr_b,
	input  wire [63:0] di_a, input wire [63:0] di_b,
	input  wire [7:0] dip_a, input wire [7:0] dip_b,
	output logic [71:0] do_a,	// parity on top
	output logic [71:0] do_b
);
	initial begin
		if(!PLAIN)  $error("%m: an output register, a cascade or an inverted pin");
		if(WRITE_MODE_A == "WRITE_FIRST" && READ_WIDTH_A != 0 && WRITE_WIDTH_A != 0 && READ_WIDTH_A != WRITE_WIDTH_A)
			$error("%m: port A is WRITE_FIRST with two widths");
		if(WRITE_MODE_B == "WRITE_FIRST" && READ_WIDTH_B != 0 && WRITE_WIDTH_B != 0 && READ_WIDTH_B != WRITE_WIDTH_B)
			$error("%m: port B is WRITE_FIRST with two widths");
	end

	logic [8:0]  Mem[BYTES];
	initial for(int i = 0; i < BYTES; i++)  Mem[i] = {INITP[i], INIT[8*i +: 8]};

	// The first byte of a word, and how many bytes it has.
	function automatic int unsigned first(input logic [ABITS-1:0] addr, input int unsigned width);
		return (32'(addr) >> 3) & ~(count(width) - 1);
	endfunction : first
	function automatic int unsigned count(input int unsigned width);
		return width < 9? 1 : width / 9;
	endfunction : count

	function automatic logic [71:0] fetch(input logic [ABITS-1:0] addr, input int unsigned width);
		fetch = '0;
		for(int unsigned i = 0; i < count(width); i++)
			{fetch[64 + i], fetch[8*i +: 8]} = Mem[first(addr, width) + i];
		if(width < 8)  fetch = 72'(8'(fetch >> (32'(addr) & 7 & ~(width - 1))) & 8'((1 << width) - 1));
	endfunction : fetch

	// Each port's write as it will be: a byte and, for narrow words, its bits that stay.
	function automatic logic [8:0] stored(
		input logic [ABITS-1:0] addr, input int unsigned width, input int unsigned i,
		input logic [63:0] di, input logic [7:0] dip
	);
		logic [8:0] old;
		logic [7:0] mask;
		old = Mem[first(addr, width) + i];
		if(width >= 9)  return {dip[i], di[8*i +: 8]};
		mask = 8'(((1 << width) - 1) << (32'(addr) & 7 & ~(width - 1)));
		return {old[8], (old[7:0] & ~mask) | (8'(di[7:0] << (32'(addr) & 7 & ~(width - 1))) & mask)};
	endfunction : stored

	// What a port that is WRITE_FIRST shows: the word with the bytes that are written; its two widths are the same.
	function automatic logic [71:0] written(
		input logic [ABITS-1:0] addr, input int unsigned width, input logic [7:0] we,
		input logic [63:0] di, input logic [7:0] dip
	);
		written = fetch(addr, width);
		if(width < 9)  return 72'(8'(di[7:0]) & 8'((1 << width) - 1));
		for(int unsigned i = 0; i < count(width); i++)
			if(we[i])  {written[64 + i], written[8*i +: 8]} = {dip[i], di[8*i +: 8]};
	endfunction : written

	wire  writes_a = en_a && WRITE_WIDTH_A != 0 && we_a != 0 && RAM_MODE != "SDP";
	wire  writes_b = en_b && WRITE_WIDTH_B != 0 && we_b != 0;

	function automatic bit collide(
		input logic [ABITS-1:0] r, input int unsigned rw, input logic [ABITS-1:0] w, input int unsigned ww
	);
		return first(r, rw) < first(w, ww) + count(ww) && first(w, ww) < first(r, rw) + count(rw);
	endfunction : collide

	always @(posedge clk_a) begin
		if(writes_a)
			for(int unsigned i = 0; i < count(WRITE_WIDTH_A); i++)
				if(we_a[i])  Mem[first(addr_a, WRITE_WIDTH_A) + i] <= stored(addr_a, WRITE_WIDTH_A, i, di_a, dip_a);
		if(en_a && READ_WIDTH_A != 0) begin
			if(sr_a)  do_a <= 72'(SRVAL_A);
			else if(writes_b && WRITE_MODE_B != "READ_FIRST" && collide(addr_a, READ_WIDTH_A, addr_b, WRITE_WIDTH_B))
				do_a <= ~fetch(addr_a, READ_WIDTH_A);
			else if(writes_a && WRITE_MODE_A == "WRITE_FIRST")
				do_a <= written(addr_a, READ_WIDTH_A, we_a, di_a, dip_a);
			else if(!(writes_a && WRITE_MODE_A == "NO_CHANGE"))  do_a <= fetch(addr_a, READ_WIDTH_A);
		end
	end

	always @(posedge clk_b) begin
		if(writes_b)
			for(int unsigned i = 0; i < count(WRITE_WIDTH_B); i++)
				if(we_b[i])  Mem[first(addr_b, WRITE_WIDTH_B) + i] <= stored(addr_b, WRITE_WIDTH_B, i, di_b, dip_b);
		if(en_b && READ_WIDTH_B != 0) begin
			if(sr_b)  do_b <= 72'(SRVAL_B);
			else if(writes_a && WRITE_MODE_A != "READ_FIRST" && collide(addr_b, READ_WIDTH_B, addr_a, WRITE_WIDTH_A))
				do_b <= ~fetch(addr_b, READ_WIDTH_B);
			else if(writes_b && WRITE_MODE_B == "WRITE_FIRST")
				do_b <= written(addr_b, READ_WIDTH_B, we_b, di_b, dip_b);
			else if(!(writes_b && WRITE_MODE_B == "NO_CHANGE"))  do_b <= fetch(addr_b, READ_WIDTH_B);
		end
	end

endmodule : block_ram

`default_nettype wire
