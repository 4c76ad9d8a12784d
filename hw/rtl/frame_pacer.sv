// SPDX-License-Identifier: BSD-3-Clause
// Admits a new frame no earlier than INTERVAL cycles after the first beat of the frame before it, or after reset: what
// the layers prepare while they wait for a frame (padding, weights) is then ready for the first one as for all others.
//
// The pacer is what turns a dataflow pipeline into one of fixed latency: behind it no frame can catch up with the
// frame before, so no queue's fill depends on how eagerly the source sends. Within a frame beats pass unhindered.
//
// Throughput: one beat a cycle, at most one frame (BEATS beats) in INTERVAL cycles. Latency: none, data and valid
// pass combinationally; ready never depends on valid.
`default_nettype none

module frame_pacer #(
	parameter int unsigned WIDTH    = 8,	// bits of a beat
	parameter int unsigned BEATS    = 1,	// beats of a frame
	parameter int unsigned INTERVAL = 1 	// cycles from one frame's first beat to the next frame's
)(
	input  wire              clk,
	input  wire              rst_n,

	input  wire [WIDTH-1:0]  s_tdata,
	input  wire              s_tvalid,
	output wire              s_tready,

	output wire [WIDTH-1:0]  m_tdata,
	output wire              m_tvalid,
	input  wire              m_tready
);
	initial begin
		if(BEATS < 1)     $error("%m: BEATS = %0d must be 1 or above.", BEATS);
		if(INTERVAL < 1)  $error("%m: INTERVAL = %0d must be 1 or above.", INTERVAL);
	end

	localparam int unsigned  BEAT_BITS = BEATS > 1? $clog2(BEATS) : 1;
	localparam int unsigned  WAIT_BITS = INTERVAL > 1? $clog2(INTERVAL) : 1;

	logic [BEAT_BITS-1:0]  Beat;	// position in the frame
	logic [WAIT_BITS-1:0]  Wait;	// cycles until the next frame may start

	wire  first = Beat == 0;
	wire  gate  = !first || (Wait == 0);
	assign  m_tdata = s_tdata;
	assign  m_tvalid = s_tvalid && gate;
	assign  s_tready = m_tready && gate;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Beat <= 0;
			Wait <= WAIT_BITS'(INTERVAL-1);
		end
		else begin
			if(Wait != 0)  Wait <= Wait - 1'b1;
			if(m_tvalid && m_tready) begin
				Beat <= Beat == BEAT_BITS'(BEATS-1)? '0 : Beat + 1'b1;
				if(first)  Wait <= WAIT_BITS'(INTERVAL-1);
			end
		end
	end

endmodule : frame_pacer

`default_nettype wire
