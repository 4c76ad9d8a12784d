// SPDX-License-Identifier: BSD-3-Clause
// A LUT6_2 as the two LUTs it is made of: nextpnr-xilinx does not know the dual one.
module LUT6_2 (
	input  wire I0, I1, I2, I3, I4, I5,
	output wire O5, O6
);
	parameter [63:0] INIT = 64'h0;

	LUT6 #(.INIT(INIT)) upper (.I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4), .I5(I5), .O(O6));
	LUT5 #(.INIT(INIT[31:0])) lower (.I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4), .O(O5));
endmodule
