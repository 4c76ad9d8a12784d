// SPDX-License-Identifier: BSD-3-Clause
// Memories in LUTs with one port, as ones with two, both at the same address: nextpnr-xilinx refuses the former. Each takes
// twice its LUTs; RAM256X1S, which has no twin, becomes two of 128 words and three LUTs.
module RAM32X1S (output wire O, input wire A0, A1, A2, A3, A4, D, WCLK, WE);
	parameter [31:0] INIT = 32'h0;
	parameter [0:0] IS_WCLK_INVERTED = 1'b0;

	RAM32X1D #(.INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) _TECHMAP_REPLACE_ (
		.A0(A0), .A1(A1), .A2(A2), .A3(A3), .A4(A4), .D(D), .WCLK(WCLK), .WE(WE), .SPO(O),
		.DPRA0(A0), .DPRA1(A1), .DPRA2(A2), .DPRA3(A3), .DPRA4(A4)
	);
endmodule

module RAM64X1S (output wire O, input wire A0, A1, A2, A3, A4, A5, D, WCLK, WE);
	parameter [63:0] INIT = 64'h0;
	parameter [0:0] IS_WCLK_INVERTED = 1'b0;

	RAM64X1D #(.INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) _TECHMAP_REPLACE_ (
		.A0(A0), .A1(A1), .A2(A2), .A3(A3), .A4(A4), .A5(A5), .D(D), .WCLK(WCLK), .WE(WE), .SPO(O),
		.DPRA0(A0), .DPRA1(A1), .DPRA2(A2), .DPRA3(A3), .DPRA4(A4), .DPRA5(A5)
	);
endmodule

module RAM128X1S (output wire O, input wire A0, A1, A2, A3, A4, A5, A6, D, WCLK, WE);
	parameter [127:0] INIT = 128'h0;
	parameter [0:0] IS_WCLK_INVERTED = 1'b0;
	wire [6:0] at = {A6, A5, A4, A3, A2, A1, A0};

	RAM128X1D #(.INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) _TECHMAP_REPLACE_ (
		.A(at), .DPRA(at), .D(D), .WCLK(WCLK), .WE(WE), .SPO(O)
	);
endmodule

module RAM256X1S (output wire O, input wire [7:0] A, input wire D, WCLK, WE);
	parameter [255:0] INIT = 256'h0;
	parameter [0:0] IS_WCLK_INVERTED = 1'b0;
	wire [1:0] found, written;

	LUT2 #(.INIT(4'h4)) low (.I0(A[7]), .I1(WE), .O(written[0])); // WE and not A[7]
	LUT2 #(.INIT(4'h8)) high (.I0(A[7]), .I1(WE), .O(written[1]));
	LUT3 #(.INIT(8'hCA)) choice (.I0(found[0]), .I1(found[1]), .I2(A[7]), .O(O));
	genvar half;
	generate
		for (half = 0; half < 2; half = half + 1) begin : halves
			RAM128X1D #(.INIT(INIT[128*half +: 128]), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) memory (
				.A(A[6:0]), .DPRA(A[6:0]), .D(D), .WCLK(WCLK), .WE(written[half]), .SPO(found[half])
			);
		end
	endgenerate
endmodule
