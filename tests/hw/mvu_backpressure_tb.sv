// SPDX-License-Identifier: BSD-3-Clause
// Feeds a matrix product whose SIMD is its whole width, and takes its results as slowly as POPCOUNT/16 lets it.
// Ends with $finish when every result was right, with $fatal otherwise.
`default_nettype none
`timescale 1ns/1ps

module mvu_backpressure_tb #(
	parameter int unsigned WIDTH  = 27,	// matrix width, and SIMD
	parameter int unsigned HEIGHT = 16
);
	localparam int unsigned  VECTORS = 64;
	localparam int unsigned  RESULTS = VECTORS * HEIGHT;
	localparam int unsigned  IN_BITS = 8 * ((4*WIDTH + 7) / 8);

	logic  clk = 0;
	always #5ns clk = !clk;
	logic  rst_n = 0;
	initial begin
		repeat(20) @(posedge clk);
		rst_n <= 1;
	end

	// Weights are all one, so that a result is the sum of its vector.
	logic [WIDTH-1:0][3:0]  vector;
	int unsigned  sent = 0;
	int unsigned  got = 0;
	for(genvar  i = 0; i < WIDTH; i++)  assign  vector[i] = 4'(sent + 3*i);
	function automatic int unsigned expected(int unsigned  index);
		int unsigned  sum = 0;
		for(int unsigned  i = 0; i < WIDTH; i++)  sum += (index + 3*i) % 16;
		return  sum;
	endfunction : expected

	wire  ivld = rst_n && (sent < VECTORS);
	wire  irdy;
	wire  ovld;
	logic  ordy = 0;
	wire [15:0]  odat;
	mvu_vvu_axi #(
		.IS_MVU(1), .VERSION(1), .MW(WIDTH), .MH(HEIGHT), .PE(1), .SIMD(WIDTH),
		.ACTIVATION_WIDTH(4), .WEIGHT_WIDTH(4), .ACCU_WIDTH(16), .NARROW_WEIGHTS(1)
	) dut (
		.ap_clk(clk), .ap_clk2x(clk), .ap_rst_n(rst_n),
		.s_axis_weights_tdata(IN_BITS'({WIDTH{4'd1}})), .s_axis_weights_tvalid(1'b1), .s_axis_weights_tready(),
		.s_axis_input_tdata(IN_BITS'(vector)), .s_axis_input_tvalid(ivld), .s_axis_input_tready(irdy),
		.m_axis_output_tdata(odat), .m_axis_output_tvalid(ovld), .m_axis_output_tready(ordy)
	);

	int unsigned  cycle = 0;
	always_ff @(posedge clk) begin
		cycle <= cycle + 1;
		ordy <= $urandom_range(9) == 0;
		if(ivld && irdy)  sent <= sent + 1;
		if(ovld && ordy) begin
			if(32'(odat) != expected(got / HEIGHT))
				$fatal(1, "result %0d is %0d instead of %0d", got, odat, expected(got / HEIGHT));
			got <= got + 1;
			if(got + 1 == RESULTS)  $finish;
		end
		if(cycle > 40*RESULTS)  $fatal(1, "only %0d of %0d results", got, RESULTS);
	end

endmodule : mvu_backpressure_tb

`default_nettype wire
