// SPDX-License-Identifier: BSD-3-Clause
// The memory that streams a matrix product's weights, from its first word to its last and again, for ever.
//
// Function    Word by word into a stream, the first one after reset. It is written through the load stream (load_port),
//             while nobody reads: behind that a reset makes it begin with its first word again.
// Throughput  One word a cycle.
// Latency     The first word is offered two cycles after reset. Ready is looked at combinationally by the memory.
//
// One port, since nothing is read that counts while it is written: in LUTs a word of 64 bits and less takes one.
`default_nettype none

module weight_memory #(
	parameter int unsigned WIDTH = 8,
	parameter int unsigned DEPTH = 2,
	parameter              FILE = "",	// its content after power-on, none if empty
	parameter              RAM_STYLE = "distributed"	// "block" or "distributed"
)(
	input  wire               clk,
	input  wire               rst_n,

	input  wire               load_begins,
	output wire               load_ends,
	input  wire [31:0]        s_load_tdata,
	input  wire               s_load_tvalid,

	output logic [WIDTH-1:0]  m_tdata,
	output logic              m_tvalid,
	input  wire               m_tready
);
	localparam int unsigned  ADDRESS_BITS = DEPTH > 1? $clog2(DEPTH) : 1;

	initial begin
		if(WIDTH < 1)  $error("%m: WIDTH = %0d must be 1 or above.", WIDTH);
		if(DEPTH < 1)  $error("%m: DEPTH = %0d must be 1 or above.", DEPTH);
		if(88'(RAM_STYLE) != 88'("block") && 88'(RAM_STYLE) != 88'("distributed"))
			$error("%m: RAM_STYLE = %s must be block or distributed.", RAM_STYLE);
	end

	wire  write;
	wire [ADDRESS_BITS-1:0]  write_address;
	wire [WIDTH-1:0]  write_word;
	load_port #(.WIDTH(WIDTH), .DEPTH(DEPTH)) loader (
		.clk, .rst_n, .begins(load_begins), .ends(load_ends), .s_tdata(s_load_tdata), .s_tvalid(s_load_tvalid),
		.write, .address(write_address), .word(write_word)
	);

	logic [ADDRESS_BITS-1:0]  Next;	// word to be read
	logic [WIDTH-1:0]  Latch;	// the memory's own register
	logic  LatchValid;
	wire  advance = !m_tvalid || m_tready;
	wire  read = !LatchValid || advance;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Next <= '0;
			LatchValid <= 1'b0;
			m_tvalid <= 1'b0;
		end
		else begin
			if(read) begin
				Next <= Next == ADDRESS_BITS'(DEPTH-1)? '0 : Next + 1'b1;
				LatchValid <= 1'b1;
			end
			if(advance)  m_tvalid <= LatchValid;
		end
	end

	// In LUTs a power of two of words costs no multiplexer: the cells that join them are there anyway.
	localparam int unsigned  SIZE = 88'(RAM_STYLE) == 88'("block")? DEPTH : 2**ADDRESS_BITS;
	(* ram_style = RAM_STYLE *)
	logic [WIDTH-1:0]  Memory[SIZE];
	if(FILE != "") begin : genContent
		initial  $readmemh(FILE, Memory, 0, DEPTH-1);
	end : genContent
	wire [ADDRESS_BITS-1:0]  at = write? write_address : Next;
	always_ff @(posedge clk) begin
		if(write)  Memory[at] <= write_word;
		if(read)   Latch <= Memory[at];
		if(advance)  m_tdata <= Latch;
	end

endmodule : weight_memory

`default_nettype wire
