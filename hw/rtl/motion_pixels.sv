// SPDX-License-Identifier: BSD-3-Clause
// One pixel of four successive images to the three channels of the `motion` input (model/preprocess.py).
//
// Function    A beat holds a pixel of the last four images, a lane each; `lane` is the newest one's, and the lanes below
//             it, around the corner, are of the images before. With g0 the newest and g1, g2 before it, the beat out
//             is g0, 127 + 2 (g0 - g1), 127 + 2 (g1 - g2), each within 0 to 255, g0 low. The fourth is not looked at.
//             What goes beside it stays beside it.
// Throughput  A beat a cycle.
// Latency     One cycle.
`default_nettype none

module motion_pixels #(
	parameter int unsigned TAG_BITS = 1
)(
	input  wire                  clk,
	input  wire                  rst_n,

	input  wire [3:0][7:0]       s_tdata,
	input  wire [1:0]            s_lane,
	input  wire [TAG_BITS-1:0]   s_tag,
	input  wire                  s_tvalid,
	output wire                  s_tready,

	output logic [2:0][7:0]      m_tdata,
	output logic [TAG_BITS-1:0]  m_tag,
	output logic                 m_tvalid,
	input  wire                  m_tready
);
	initial begin
		if(TAG_BITS < 1)  $error("%m: TAG_BITS = %0d must be 1 or above.", TAG_BITS);
	end

	function automatic logic [7:0] doubled(input logic [7:0] now, input logic [7:0] ago);
		logic signed [10:0]  difference;
		difference = 11'sd127 + 11'sd2 * (signed'({3'b0, now}) - signed'({3'b0, ago}));
		doubled = (difference < 0)? 8'd0 : (difference > 11'sd255)? 8'd255 : difference[7:0];
	endfunction : doubled

	wire [7:0]  now = s_tdata[s_lane];
	wire [7:0]  previous = s_tdata[s_lane - 2'd1];
	wire [7:0]  earlier = s_tdata[s_lane - 2'd2];

	assign  s_tready = !m_tvalid || m_tready;
	always_ff @(posedge clk) begin
		if(!rst_n)         m_tvalid <= 1'b0;
		else if(s_tready)  m_tvalid <= s_tvalid;
	end
	always_ff @(posedge clk) begin
		if(s_tready) begin
			m_tdata <= {doubled(previous, earlier), doubled(now, previous), now};
			m_tag <= s_tag;
		end
	end

endmodule : motion_pixels

`default_nettype wire
