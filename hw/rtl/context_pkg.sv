// SPDX-License-Identifier: BSD-3-Clause
// The word that goes with each frame (made by hw.contract from hw/chip.toml).
`default_nettype none

package context_pkg;
	/* verilator lint_off UNUSEDPARAM */	// a module uses those that it needs
	typedef struct packed {
		logic  CLEAR;	// first frame of a clip: temporal state reads as zero
		logic [6:0]  STREAM;	// which camera
	} context_t;
	localparam int unsigned  MAX_STREAMS = 128;	// that a context can name
	/* verilator lint_on UNUSEDPARAM */
endpackage : context_pkg

`default_nettype wire
