// SPDX-License-Identifier: BSD-3-Clause
// A word chosen from an array, bit by bit, as the form in which Yosys (xilinx_srl -variable) finds shift registers of
// variable length: without it FINN's FIFOs, whose every stage is such a word, cost a flip-flop a bit instead of SRLs.
// The reader puts an array's element 0 on top, xilinx_srl wants the youngest at the bottom: both orders are turned.
(* techmap_celltype = "$bmux" *)
module array_word (A, S, Y);
	parameter WIDTH = 1;
	parameter S_WIDTH = 1;
	localparam WORDS = 1 << S_WIDTH;

	input  [WIDTH*WORDS-1:0] A;
	input  [S_WIDTH-1:0] S;
	output [WIDTH-1:0] Y;

	genvar bit_, word;
	generate
		for (bit_ = 0; bit_ < WIDTH; bit_ = bit_ + 1) begin : bits
			wire [WORDS-1:0] column;
			for (word = 0; word < WORDS; word = word + 1) begin : words
				assign column[word] = A[(WORDS - 1 - word) * WIDTH + bit_];
			end
			\$shiftx #(
				.A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(WORDS), .B_WIDTH(S_WIDTH), .Y_WIDTH(1)
			) one (.A(column), .B(~S), .Y(Y[bit_]));
		end
	endgenerate
endmodule
