// SPDX-License-Identifier: BSD-3-Clause
// A reset from another clock, or from none, taken over into `clk`.
//
// Function    `rst_n` follows `async_rst_n`; it starts asserted when the FPGA is configured.
// Latency     STAGES cycles, for assertion and release alike: the clock must run for the reset to be seen.
`default_nettype none

module reset_synchronizer #(
	parameter int unsigned STAGES = 3
)(
	input  wire  clk,
	input  wire  async_rst_n,
	output wire  rst_n
);
	initial if(STAGES < 2)  $error("%m: STAGES = %0d must be 2 or above.", STAGES);

	/* verilator lint_off PROCASSINIT */	// the one register that no reset can initialise
	(* async_reg = "true" *)
	logic [STAGES-1:0]  Stage = '0;	// the first may be metastable
	/* verilator lint_on PROCASSINIT */
	always_ff @(posedge clk)  Stage <= {Stage[STAGES-2:0], async_rst_n};
	assign  rst_n = Stage[STAGES-1];

endmodule : reset_synchronizer

`default_nettype wire
