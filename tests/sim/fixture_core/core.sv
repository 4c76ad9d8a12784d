// SPDX-License-Identifier: BSD-3-Clause
// A core small enough to check by hand, with the ports of a compiled one: the tests of sim.core run on it.
//
// A frame is 4 beats of 12 unsigned bytes. Its output is 2 beats of a signed 20-bit number: first the frame's sum plus
// the sum of the same stream's previous frame (0 where there is none, or with clear), then the negated sum. Latency: 5
// cycles; one frame in 6. data/mode.dat: 0 works; 1 never answers; 2 withdraws its second beat; 3 reports an error.
`default_nettype none

module core (
	input  wire ap_clk,
	input  wire ap_rst_n,

	input  wire [95:0] s_axis_tdata,
	input  wire s_axis_tvalid,
	output wire s_axis_tready,

	input  wire [7:0] s_axis_ctx_tdata,
	input  wire s_axis_ctx_tvalid,
	output wire s_axis_ctx_tready,

	output wire [23:0] m_axis_tdata,
	output wire m_axis_tvalid,
	input  wire m_axis_tready
`ifdef SHIFTCORE_TRACE
	,
	output wire [119:0] trace_data,
	output wire [1:0] trace_valid,
	output wire [1:0] trace_ready,
	output wire [63:0] fifo_maxcount
`endif
);
	logic [7:0] Mode [1];
	initial $readmemh("data/mode.dat", Mode);

	logic signed [19:0] Previous [128];
	logic [127:0] Seen;
	logic [7:0] Context;
	logic HasContext;
	logic [2:0] Beat;	// 0 to 3: input beats; 4 and 5: output beats
	logic signed [19:0] Sum;
	logic signed [19:0] Old;
	logic Withdrawn;
	logic [31:0] Frames;

	logic signed [19:0] beat_sum;
	always_comb begin
		beat_sum = 0;
		for(int i = 0; i < 12; i++)  beat_sum += 20'(s_axis_tdata[8*i +: 8]);
	end

	assign s_axis_ctx_tready = !HasContext;
	assign s_axis_tready = HasContext && (Beat < 4);
	assign m_axis_tvalid = (Beat >= 4) && (Mode[0] != 1) && !Withdrawn;
	wire signed [19:0] answer = Beat == 4? Sum + Old : -Sum;
	assign m_axis_tdata = 24'(answer);

	always_ff @(posedge ap_clk) begin
		if(!ap_rst_n) begin
			HasContext <= 0;
			Beat <= 0;
			Seen <= 0;
			Withdrawn <= 0;
			Frames <= 0;
		end
		else begin
			if(s_axis_ctx_tvalid && s_axis_ctx_tready) begin
				Context <= s_axis_ctx_tdata;
				HasContext <= 1;
			end
			if(s_axis_tvalid && s_axis_tready) begin
				Sum <= (Beat == 0? 20'sd0 : Sum) + beat_sum;
				Beat <= Beat + 1;
				if(Beat == 3) begin
					Old <= Seen[Context[6:0]] && !Context[7]? Previous[Context[6:0]] : 20'sd0;
					Previous[Context[6:0]] <= Sum + beat_sum;
					Seen[Context[6:0]] <= 1;
					HasContext <= 0;
					if(Mode[0] == 3)  $error("mode 3");
				end
			end
			if((Beat == 5) && !m_axis_tready && (Mode[0] == 2))  Withdrawn <= 1;
			if(m_axis_tvalid && m_axis_tready) begin
				Beat <= Beat == 5? 0 : Beat + 1;
				Frames <= Frames + 32'(Beat == 5);
			end
		end
	end

`ifdef SHIFTCORE_TRACE
	assign trace_data = {m_axis_tdata, s_axis_tdata};
	assign trace_valid = {m_axis_tvalid, s_axis_tvalid};
	assign trace_ready = {m_axis_tready, s_axis_tready};
	assign fifo_maxcount = {Frames, 32'd7};
`endif
endmodule : core

`default_nettype wire
