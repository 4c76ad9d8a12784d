// SPDX-License-Identifier: BSD-3-Clause
// A core for benches of the shell: the ports of a compiled core around weighted sums of a frame's bytes.
//
// Function    logit k = +-(sum over i of byte i * ((5 i + 3 k) mod 11 + 1)) + the same of the stream's frame before, if
//             there was one since reset and the context is not clear; minus for odd k; as many bits as the logits have.
//             To each logit is added what the words of the load stream since reset of the simulation sum up to, of those
//             that went into the bank that the context names.
//             A frame that begins with byte 255 is never answered, and the core stops there: it is stuck.
// Throughput  One frame in FRAME_INTERVAL cycles.
// Latency     LATENCY cycles from the last input beat to the first output beat.
`default_nettype none

`ifndef LATENCY
`define LATENCY 50
`endif

module core
	import chip_config_pkg::*;
(
	input  wire  ap_clk,
	input  wire  ap_rst_n,
	input  wire [8*IN_ELEMENTS-1:0]  s_axis_tdata,
	input  wire  s_axis_tvalid,
	output wire  s_axis_tready,
	input  wire [7 + (MODELS > 1? $clog2(MODELS) : 0):0]  s_axis_ctx_tdata,
	input  wire  s_axis_ctx_tvalid,
	output wire  s_axis_ctx_tready,
	input  wire [MODELS-1:0]  load_begins,
	output wire  load_ends,
	input  wire [31:0]  s_axis_load_tdata,
	input  wire  s_axis_load_tvalid,
	output wire [8*((OUT_ELEMENTS*OUT_ELEMENT_BITS+7)/8)-1:0]  m_axis_tdata,
	output wire  m_axis_tvalid,
	input  wire  m_axis_tready
);
	localparam int unsigned  BEATS = INPUT_BYTES / IN_ELEMENTS;
	localparam int unsigned  OUT_BEATS = OUTPUT_LOGITS / OUT_ELEMENTS;
	localparam int unsigned  SLOTS = 16;
	typedef logic [OUTPUT_LOGITS-1:0][OUT_ELEMENT_BITS-1:0]  logits_t;

	int unsigned  Beat, OutBeat, Wait;
	int unsigned  Wr, Rd;	// results given to the queue, and taken from it
	longint unsigned  Now;
	bit  Stuck;
	logits_t  Sum;
	logits_t  Queue[SLOTS];
	longint unsigned  Due[SLOTS];
	logits_t  Before[128];
	bit [127:0]  Seen;

	// What is loaded stays, whatever is reset. No word may come while there is a frame, or beyond the last.
	int unsigned  Loaded;	// words
	int unsigned  Bank;	// where they go
	logic [31:0]  Added[MODELS];
	assign  load_ends = s_axis_load_tvalid && (Loaded == LOAD_WORDS-1);
	bit  Up;	// it was reset once
	initial  Added = '{default: 0};
	always_ff @(posedge ap_clk) begin
		if(!Up)  Added <= '{default: 0};
		else if(load_begins != '0) begin
			Loaded <= 0;
			for(int unsigned  i = 0; i < MODELS; i++)
				if(load_begins[i]) begin
					Bank <= i;
					Added[i] <= 0;
				end
		end
		else if(s_axis_load_tvalid) begin
			Loaded <= Loaded + 1;
			Added[Bank] <= Added[Bank] + s_axis_load_tdata;
		end
		if(!ap_rst_n)  Up <= 1;
		if(Up && ap_rst_n && ((load_begins != '0) || s_axis_load_tvalid) && ((Wr != Rd) || (Beat != 0)))  $error("%m: a load while a frame is inside.");
		if(Up && s_axis_load_tvalid && ((Loaded >= LOAD_WORDS) || !ap_rst_n))  $error("%m: a word too many, or during reset.");
	end

	// The context is taken with a frame's last beat.
	wire  gate = !Stuck && ((Beat != 0) || (Wait == 0)) && (Wr - Rd < SLOTS) && ((Beat != BEATS-1) || s_axis_ctx_tvalid);
	wire  last = Beat == BEATS-1;
	wire  clear = s_axis_ctx_tdata[7];
	wire [6:0]  stream = s_axis_ctx_tdata[6:0];
	wire [1:0]  bank = 2'(s_axis_ctx_tdata >> 8);
	assign  s_axis_tready = gate;
	assign  s_axis_ctx_tready = gate && last && s_axis_tvalid;

	logits_t  sum;
	always_comb begin
		for(int unsigned  k = 0; k < OUTPUT_LOGITS; k++) begin
			automatic int  total = Beat == 0? 0 : 32'(signed'(Sum[k]));
			for(int unsigned  e = 0; e < IN_ELEMENTS; e++) begin
				automatic int  term = int'(s_axis_tdata[8*e +: 8]) * int'((5*(Beat*IN_ELEMENTS + e) + 3*k) % 11 + 1);
				total += k % 2 == 1? -term : term;
			end
			sum[k] = OUT_ELEMENT_BITS'(total);
		end
	end

	always_ff @(posedge ap_clk) begin
		if(!ap_rst_n) begin
			Beat <= 0;
			OutBeat <= 0;
			Wait <= 0;
			Wr <= 0;
			Rd <= 0;
			Now <= 0;
			Stuck <= 0;
			Seen <= '0;
		end
		else begin
			Now <= Now + 1;
			if(Wait != 0)  Wait <= Wait - 1;
			if(s_axis_tvalid && s_axis_tready) begin
				Sum <= sum;
				if(Beat == 0)  Wait <= FRAME_INTERVAL - 1;
				if((Beat == 0) && (s_axis_tdata[7:0] == 8'hFF))  Stuck <= 1;
				Beat <= last? 0 : Beat + 1;
				if(last) begin
					for(int unsigned  k = 0; k < OUTPUT_LOGITS; k++)
						Queue[Wr % SLOTS][k] <= sum[k] + (Seen[stream] && !clear? Before[stream][k] : '0)
							+ OUT_ELEMENT_BITS'(Added[32'(bank)]);
					Due[Wr % SLOTS] <= Now + `LATENCY;
					Before[stream] <= sum;
					Seen[stream] <= 1;
					Wr <= Wr + 1;
				end
			end
			if(m_axis_tvalid && m_axis_tready) begin
				OutBeat <= OutBeat == OUT_BEATS-1? 0 : OutBeat + 1;
				if(OutBeat == OUT_BEATS-1)  Rd <= Rd + 1;
			end
		end
	end

	wire  in_first /* verilator public_flat_rd */ = s_axis_tvalid && s_axis_tready && (Beat == 0);	// for the bench
	wire  out_last /* verilator public_flat_rd */ = m_axis_tvalid && m_axis_tready && (OutBeat == OUT_BEATS-1);

	logits_t  head;
	assign  head = Queue[Rd % SLOTS];
	assign  m_axis_tvalid = (Wr != Rd) && (Now >= Due[Rd % SLOTS]) && !Stuck;
	assign  m_axis_tdata = $bits(m_axis_tdata)'(head[OutBeat*OUT_ELEMENTS +: OUT_ELEMENTS]);

endmodule : core

`default_nettype wire
