// SPDX-License-Identifier: BSD-3-Clause
// Writes records of RECORD_BYTES bytes to memory over AXI.
//
// Function    A handshake on `s_record_` gives the record's address, a multiple of 8 (the low bits are ignored); then
//             its RECORD_BYTES / 8 words come on `s_`, the lowest address first. `done` pulses when memory has answered
//             for all of them. A record that does not lie in [write_base, write_limit) pulses `error_window`, and
//             nothing is written for it.
// Memory      INCR bursts of 64-bit words. A burst ends at the latest at a multiple of MAX_BURST_BEATS words, so none
//             crosses 4 KB. Its words are collected first, so it never keeps the memory waiting for them; address and
//             data are offered at once, neither waits for the other. Up to 8 bursts wait for their answer. 16 beats
//             serve AXI3 and AXI4. The ports that never change (one ID, size 8 bytes, INCR) are left to the instance.
// Stop        While `stop` is high no burst is started and no word taken; the record is forgotten. A burst that has
//             been started is finished: the words that were not offered yet go with strobes 0, which leave the memory
//             as it is. `quiet`: nothing is under way at the memory; once it is high during a stop it stays. Work goes
//             on when stop is low and it is quiet. After `error_window`, or an answer SLVERR or DECERR, which pulses
//             `error_response`, it stays stopped likewise until `stop` has been raised and lowered. Reset forgets the
//             bursts under way as well: it is for power-on, or for when it is quiet.
// Throughput  A burst of n words takes 2n + 1 cycles, a record five more; answers are waited for at its end only.
// Latency     Two cycles from a record's handshake to its first word; two from the last answer to `done`.
`default_nettype none

module dma_write #(
	parameter int unsigned ADDR_WIDTH      = 32,
	parameter int unsigned RECORD_BYTES,	// a multiple of 8
	parameter int unsigned MAX_BURST_BEATS = 16 	// 1 to 256, a power of two; so many words are kept in LUTs
)(
	input  wire                   clk,
	input  wire                   rst_n,

	input  wire                   stop,
	output wire                   quiet,
	output wire                   busy,	// a record was taken and is not done or dropped

	input  wire [ADDR_WIDTH-1:0]  write_base,
	input  wire [ADDR_WIDTH-1:0]  write_limit,
	output logic                  error_window,
	output logic                  error_response,
	output logic                  done,

	input  wire [ADDR_WIDTH-1:0]  s_record_address,
	input  wire                   s_record_tvalid,
	output wire                   s_record_tready,

	input  wire [63:0]            s_tdata,
	input  wire                   s_tvalid,
	output wire                   s_tready,

	output wire [ADDR_WIDTH-1:0]  m_axi_awaddr,
	output logic [7:0]            m_axi_awlen,
	output logic                  m_axi_awvalid,
	input  wire                   m_axi_awready,
	output logic [63:0]           m_axi_wdata,
	output wire [7:0]             m_axi_wstrb,
	output logic                  m_axi_wlast,
	output logic                  m_axi_wvalid,
	input  wire                   m_axi_wready,
	input  wire [1:0]             m_axi_bresp,
	input  wire                   m_axi_bvalid,
	output wire                   m_axi_bready
);
	localparam int unsigned  BURSTS = 8;	// under way

	localparam int unsigned  RECORD_WORDS = RECORD_BYTES / 8;
	localparam int unsigned  COUNT_BITS = $clog2(RECORD_WORDS + 1);
	localparam int unsigned  WORD_BITS = ADDR_WIDTH - 3;	// bits of a word's address
	localparam int unsigned  INDEX_BITS = MAX_BURST_BEATS > 1? $clog2(MAX_BURST_BEATS) : 1;
	localparam int unsigned  BURST_BITS = $clog2(BURSTS + 1);

	initial begin
		if(RECORD_BYTES < 8 || RECORD_BYTES % 8 != 0)
			$error("%m: RECORD_BYTES = %0d must be a multiple of 8, 8 or above.", RECORD_BYTES);
		if(MAX_BURST_BEATS < 1 || MAX_BURST_BEATS > 256 || (MAX_BURST_BEATS & (MAX_BURST_BEATS - 1)) != 0)
			$error("%m: MAX_BURST_BEATS = %0d must be a power of two, 1 to 256.", MAX_BURST_BEATS);
		if(ADDR_WIDTH < 4 || WORD_BITS < COUNT_BITS)
			$error("%m: ADDR_WIDTH = %0d is too little for RECORD_BYTES = %0d.", ADDR_WIDTH, RECORD_BYTES);
	end

	typedef enum logic [2:0] { IDLE, CHECK, COLLECT, SEND, ANSWER } stage_e;
	stage_e  Stage;

	//-----------------------------------------------------------------------
	// Running, failed or draining. Unless it runs, all is forgotten but the bursts under way.
	typedef enum logic [1:0] { RUN, FAILED, DRAIN } state_e;
	state_e  State;
	wire  run = State == RUN && !stop;

	logic                   BValid;
	logic                   BError;
	logic [BURST_BITS-1:0]  Outstanding;	// 0 .. BURSTS: from the address's register to the answer

	wire  inside_window;
	assign  quiet = Outstanding == '0 && Stage != SEND;
	wire  fail_window = run && Stage == CHECK && !inside_window;
	wire  fail_response = run && BValid && BError;
	wire  finish = run && Stage == ANSWER && Outstanding == '0;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			State <= RUN;
			error_window <= 1'b0;
			error_response <= 1'b0;
			done <= 1'b0;
		end
		else begin
			if(stop)  State <= DRAIN;
			else if(fail_window || fail_response)  State <= FAILED;
			else if(State == DRAIN && quiet)  State <= RUN;
			error_window <= fail_window;
			error_response <= fail_response;
			done <= finish;
		end
	end

	//-----------------------------------------------------------------------
	// A record: taken, checked against the window, then burst by burst.
	logic [WORD_BITS-1:0]   Word;	// the next burst's first
	logic [COUNT_BITS-1:0]  Left;	// words that no burst was started for
	logic [INDEX_BITS-1:0]  Index;	// the word of the burst to be collected, or to be offered

	// A record at the limit does not end below it, so the limit's low bits change nothing.
	wire [WORD_BITS:0]  behind = {1'b0, Word} + (WORD_BITS+1)'(RECORD_WORDS);
	assign  inside_window = {Word, 3'b000} >= write_base && behind <= {1'b0, write_limit[ADDR_WIDTH-1:3]};

	wire [8:0]  to_boundary = 9'(MAX_BURST_BEATS) - (9'(Word) & 9'(MAX_BURST_BEATS - 1));
	wire [8:0]  length = 32'(Left) < 32'(to_boundary)? 9'(Left) : to_boundary;

	assign  s_record_tready = run && Stage == IDLE;
	wire  accept = s_record_tvalid && s_record_tready;
	assign  s_tready = run && Stage == COLLECT && Outstanding != BURST_BITS'(BURSTS);
	wire  collect = s_tvalid && s_tready;
	wire  start = collect && 9'(Index) == length - 9'd1;
	assign  busy = Stage != IDLE;

	logic  Offered;	// the burst's last word is in the output register, or has been taken
	wire  offer = Stage == SEND && !Offered && (!m_axi_wvalid || m_axi_wready);
	wire  offer_last = 8'(Index) == m_axi_awlen;
	wire  sent = Offered && (!m_axi_wvalid || m_axi_wready) && (!m_axi_awvalid || m_axi_awready);

	always_ff @(posedge clk) begin
		if(!rst_n)  Stage <= IDLE;
		else if(Stage == SEND) begin
			if(sent)  Stage <= !run? IDLE : Left != '0? COLLECT : ANSWER;
		end
		else if(!run)  Stage <= IDLE;
		else unique case(Stage)
			CHECK:    Stage <= inside_window? COLLECT : IDLE;
			COLLECT:  if(start)   Stage <= SEND;
			ANSWER:   if(finish)  Stage <= IDLE;
			default:  if(accept)  Stage <= CHECK;
		endcase
	end
	always_ff @(posedge clk) begin
		if(accept) begin
			Word <= s_record_address[ADDR_WIDTH-1:3];
			Left <= COUNT_BITS'(RECORD_WORDS);
		end
		if(start) begin
			Word <= Word + WORD_BITS'(length);
			Left <= Left - COUNT_BITS'(length);
		end

		if(accept || start || (Stage == SEND && sent))  Index <= '0;
		else if(collect || offer)  Index <= Index + 1'b1;
	end

	//-----------------------------------------------------------------------
	// The memory port.
	(* ram_style = "distributed" *)
	logic [63:0]  Memory[MAX_BURST_BEATS];
	always_ff @(posedge clk) begin
		if(collect)  Memory[Index] <= s_tdata;
	end

	logic [WORD_BITS-1:0]  BurstWord;
	logic                  Strobe;
	assign  m_axi_awaddr = {BurstWord, 3'b000};
	assign  m_axi_wstrb = {8{Strobe}};
	assign  m_axi_bready = 1'b1;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			m_axi_awvalid <= 1'b0;
			m_axi_wvalid <= 1'b0;
			Offered <= 1'b0;
			BValid <= 1'b0;
			Outstanding <= '0;
		end
		else begin
			if(start)  m_axi_awvalid <= 1'b1;
			else if(m_axi_awready)  m_axi_awvalid <= 1'b0;

			if(offer)  m_axi_wvalid <= 1'b1;
			else if(m_axi_wready)  m_axi_wvalid <= 1'b0;

			if(start)  Offered <= 1'b0;
			else if(offer && offer_last)  Offered <= 1'b1;

			BValid <= m_axi_bvalid;
			Outstanding <= Outstanding + BURST_BITS'(start) - BURST_BITS'(BValid);
		end
	end
	always_ff @(posedge clk) begin
		if(start) begin
			BurstWord <= Word;
			m_axi_awlen <= 8'(length - 9'd1);
		end
		if(offer) begin
			m_axi_wdata <= Memory[Index];
			m_axi_wlast <= offer_last;
			Strobe <= run;
		end
		BError <= m_axi_bresp[1];
	end
	// OKAY and EXOKAY are one; records are whole words; the limit: see above.
	wire  unused = &{1'b0, m_axi_bresp[0], s_record_address[2:0], write_limit[2:0]};

endmodule : dma_write

`default_nettype wire
