// SPDX-License-Identifier: BSD-3-Clause
// A value of the solver's choice, a new one each cycle. SymbiYosys' script turns the empty module into a $anyseq cell;
// a variable without a driver would not do, since read_slang gives it the constant x.
`default_nettype none

module anyseq #(
	parameter int unsigned WIDTH = 1
)(
	output wire [WIDTH-1:0]  Y
);
endmodule : anyseq

`default_nettype wire
