// SPDX-License-Identifier: BSD-3-Clause
// What holds of every block's first cycles: all registers and memories start with any value, and reset comes first.
// Afterwards reset may come at any time.
`default_nettype none

module power_up (
	input  wire   clk,
	input  wire   rst_n,
	output logic  was_reset	// reset in the cycle before
);
	logic  Started = 0;
	always_ff @(posedge clk)  Started <= 1;
	always_ff @(posedge clk)  was_reset <= !rst_n;
	always_comb if(!Started)  reset_first: assume(!rst_n);

	// A second reset, in the middle of everything.
	logic  Ran = 0;
	always_ff @(posedge clk)  Ran <= Ran || rst_n;
	always_comb reset_again: cover(Ran && !rst_n);

endmodule : power_up

`default_nettype wire
